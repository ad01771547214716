//! Somebody else was faster: what was seen, what is there now, and what was wanted, beside each other.
//!
//! It stands over the same form again, which holds what was wanted where that was changed, and what is there now where
//! it was not. Saving it means that version; leaving it keeps theirs.

use store::Version;

use super::ui::{Glyph, Html};
use crate::messages::Speak;

/// Nothing was saved, since this came first.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// Theirs.
    pub version: Version,
    /// What is not alike: theirs, mine, or both.
    pub rows: Vec<Difference>,
    /// Where what is there now can be looked at, and mine is forgotten.
    pub theirs: String,
}

/// One thing that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub what: String,
    pub seen: String,
    pub now: String,
    pub mine: String,
}

impl Difference {
    /// `None` when nobody changed it.
    pub fn of(what: String, seen: String, now: String, mine: String) -> Option<Difference> {
        let differs = seen != now || seen != mine;
        differs.then_some(Difference { what, seen, now, mine })
    }

    fn both(&self) -> bool {
        self.mine != self.seen && self.now != self.seen && self.mine != self.now
    }

    pub fn theirs_class(&self) -> &'static str {
        match (self.both(), self.now != self.seen) {
            (true, _) => "clash",
            (false, true) => "theirs",
            (false, false) => "",
        }
    }

    pub fn mine_class(&self) -> &'static str {
        if self.both() { "clash" } else { "" }
    }

    pub fn outcome(&self, s: &Speak) -> Html {
        if self.both() {
            s.state(Glyph::Warn, s.t("conflict-both"))
        } else if self.mine == self.seen || self.mine == self.now {
            s.state(Glyph::Fine, s.t("conflict-theirs"))
        } else {
            s.state(Glyph::Fine, s.t("conflict-mine"))
        }
    }
}

impl Conflict {
    /// What the form goes on with: mine where I changed something, theirs where I did not.
    pub fn merged<T: PartialEq>(seen: &T, now: T, mine: T) -> T {
        if mine == *seen { now } else { mine }
    }

    fn who(&self) -> &str {
        self.version.changed_by.as_deref().unwrap_or("–")
    }

    pub fn sentence(&self, s: &Speak) -> String {
        let at = self
            .version
            .changed_at
            .map_or_else(|| "–".to_owned(), |at| s.date_time(at));
        s.t2("conflict-who", "name", self.who(), "when", at)
    }

    pub fn now_head(&self, s: &Speak) -> String {
        s.t1("conflict-now", "name", self.who())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::tests::ago;

    pub fn conflict(s: &Speak) -> Conflict {
        let row = |seen: &str, now: &str, mine: &str| {
            Difference::of("부서".to_owned(), seen.to_owned(), now.to_owned(), mine.to_owned())
        };
        Conflict {
            version: Version {
                number: 7,
                changed_at: Some(ago(s, 2)),
                changed_by: Some("고은결".to_owned()),
            },
            rows: [
                row("a", "a", "b"),
                row("a", "b", "a"),
                row("a", "b", "c"),
                row("a", "b", "b"),
                row("a", "a", "a"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            theirs: "/people/1/edit".to_owned(),
        }
    }

    #[test]
    fn a_form_goes_on_with_mine_where_i_changed_it_and_theirs_elsewhere() {
        assert_eq!(Conflict::merged(&"a", "b", "a"), "b");
        assert_eq!(Conflict::merged(&"a", "a", "c"), "c");
        assert_eq!(Conflict::merged(&"a", "b", "c"), "c");
    }

    #[test]
    fn what_nobody_changed_is_not_shown() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::En);
        let rows = conflict(&s).rows;
        assert_eq!(rows.len(), 4);
        let both: Vec<bool> = rows.iter().map(Difference::both).collect();
        assert_eq!(both, [false, false, true, false]);
    }
}
