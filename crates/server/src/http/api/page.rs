//! Lists come in pages, each of which names where the next one begins.

use std::fmt::Display;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use store::Span;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::invalid;
use crate::{
    app::of_app::{Asked, Part},
    http::problem::Problem,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub value: Vec<T>,
    /// Send it as `cursor` to get what follows; null at the end.
    pub next_cursor: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many at most: 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(invalid(
                "limit",
                "malformed",
                format!("limit is {limit}, and can be 1 to {MAX_LIMIT}"),
            ));
        }
        Ok(limit as usize)
    }

    /// After which key the page begins.
    pub fn after(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let key = URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        key.map(Some)
            .ok_or_else(|| invalid("cursor", "malformed", "cursor is not one that was given out here"))
    }
}

impl PageQuery {
    /// Where the page begins in a list that is read by key: after the row that the cursor names.
    pub fn span(&self) -> Result<Span, Problem> {
        let Some(after) = self.after()? else {
            return Ok(Span::First);
        };
        let unknown = || invalid("cursor", "malformed", "cursor is not one that was given out here");
        after.parse().map(Span::After).map_err(|_| unknown())
    }

    pub fn asked(&self) -> Result<Asked<'static>, Problem> {
        Ok(Asked {
            span: self.span()?,
            query: "",
            at: 0,
            most: self.limit()?,
        })
    }
}

impl<T> Page<T> {
    /// What was found in a list that is read by key.
    pub fn of_part<U>(part: &Part<U>, id: impl Fn(&U) -> Uuid, row: impl FnMut(&U) -> Option<T>) -> Page<T> {
        let last = part.rows.last().filter(|_| part.later);
        Page {
            next_cursor: last.map(|last| cursor(&id(last).to_string())),
            value: part.rows.iter().filter_map(row).collect(),
        }
    }
    /// Cuts the page out of `items`, whatever their order: by id, which is the order in which they were made.
    pub fn by_id<K: Ord + Display>(
        mut items: Vec<T>,
        query: &PageQuery,
        id: impl Fn(&T) -> K,
    ) -> Result<Page<T>, Problem> {
        items.sort_by_key(&id);
        Page::rising(items, query, |item| id(item).to_string())
    }

    /// Cuts the page out of `items`, which are sorted by `key`, the smallest first.
    ///
    /// The cursor is a key and not a count, so that nothing is left out when something comes or goes meanwhile.
    pub fn rising(items: Vec<T>, query: &PageQuery, key: impl Fn(&T) -> String) -> Result<Page<T>, Problem> {
        Page::cut(items, query, key, |key, after| key > after)
    }

    /// The same for items that are sorted with the largest first.
    pub fn falling(items: Vec<T>, query: &PageQuery, key: impl Fn(&T) -> String) -> Result<Page<T>, Problem> {
        Page::cut(items, query, key, |key, after| key < after)
    }

    fn cut(
        items: Vec<T>,
        query: &PageQuery,
        key: impl Fn(&T) -> String,
        follows: impl Fn(&str, &str) -> bool,
    ) -> Result<Page<T>, Problem> {
        let limit = query.limit()?;
        let after = query.after()?;
        let mut rest = items
            .into_iter()
            .filter(|item| after.as_deref().is_none_or(|after| follows(&key(item), after)));
        let value: Vec<T> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let next_cursor = value.last().filter(|_| more).map(|last| cursor(&key(last)));
        Ok(Page { value, next_cursor })
    }

    pub fn map<U>(self, translate: impl FnMut(T) -> U) -> Page<U> {
        Page {
            value: self.value.into_iter().map(translate).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

pub fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: u32, cursor: Option<String>) -> PageQuery {
        PageQuery {
            limit: Some(limit),
            cursor,
        }
    }

    #[test]
    fn following_the_cursor_visits_everything_once() {
        for falling in [false, true] {
            let mut items: Vec<u32> = (10..35).collect();
            if falling {
                items.reverse();
            }
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let query = query(10, cursor);
                let page = if falling {
                    Page::falling(items.clone(), &query, u32::to_string).unwrap()
                } else {
                    Page::rising(items.clone(), &query, u32::to_string).unwrap()
                };
                seen.extend(page.value);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, items);
        }
    }

    #[test]
    fn something_that_goes_meanwhile_takes_nothing_else_with_it() {
        let first = Page::rising(vec![10, 11, 12, 13], &query(2, None), u32::to_string).unwrap();
        let second = Page::rising(vec![12, 13], &query(2, first.next_cursor), u32::to_string).unwrap();
        assert_eq!(second.value, [12, 13]);
        assert_eq!(second.next_cursor, None);
    }

    #[test]
    fn a_limit_or_cursor_that_cannot_be_is_refused_by_name() {
        for (limit, cursor, field) in [
            (0, None, "limit"),
            (1001, None, "limit"),
            (1, Some("!".to_owned()), "cursor"),
        ] {
            let problem = Page::rising(vec![1], &query(limit, cursor), u32::to_string).unwrap_err();
            assert_eq!(problem.details().errors[0].field, field);
        }
    }
}
