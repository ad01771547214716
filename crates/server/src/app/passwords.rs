//! Which passwords are taken, and how they are kept.
//!
//! The rules are those of NIST SP 800-63B (§3.1.1.2 of revision 4): length counts, what is commonly chosen is refused,
//! and nothing else: no kinds of characters, no expiry. The least length is that of OWASP's Application Security
//! Verification Standard 4.0.3, 2.1.1, which asks for twelve characters.

use std::{ops::RangeInclusive, sync::LazyLock};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use super::{AppError, FieldProblem, text::login_key};
use crate::gate::{Busy, Gate};

/// In characters as a person counts them, whatever the script.
pub const PASSWORD_CHARS: RangeInclusive<usize> = 12..=256;

/// So many characters have to be left when everything that a guesser tries first is taken away.
const LEAST_UNGUESSED: usize = 6;

/// What passwords are made of by whoever has to make one up: the head of every published list of leaked passwords, as
/// words to take away, with the longest first. `dkssudgktpdy` and `qlalfqjsgh` are 안녕하세요 and 비밀번호 on an English keyboard.
const COMMONEST: [&str; 35] = [
    "administrator",
    "dkssudgktpdy",
    "qlalfqjsgh",
    "qwertyuiop",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "allotment",
    "asdfghjkl",
    "iloveyou",
    "passw0rd",
    "password",
    "princess",
    "sunshine",
    "changeme",
    "q1w2e3r4",
    "1q2w3e4r",
    "football",
    "superman",
    "pa55word",
    "p@ssw0rd",
    "p@ssword",
    "welcome",
    "letmein",
    "zxcvbnm",
    "qwerty",
    "monkey",
    "dragon",
    "master",
    "secret",
    "dkssud",
    "비밀번호",
    "admin",
    "login",
    "korea",
    "apple",
];

/// Refuses what is too short, too long, or among the first that anybody would try. Asked before anything is hashed.
pub fn acceptable(field: &'static str, password: &SecretString, login: &str) -> Result<(), AppError> {
    let chars = composed(password).expose_secret().chars().count();
    let problem = if chars < *PASSWORD_CHARS.start() {
        FieldProblem::TooShort
    } else if chars > *PASSWORD_CHARS.end() {
        FieldProblem::TooLong
    } else if unguessed(password, login) < LEAST_UNGUESSED {
        FieldProblem::Guessable
    } else {
        return Ok(());
    };
    Err(AppError::Invalid { field, problem })
}

/// How much of a password is neither the login, nor one of the commonest words, nor a run such as `1234` or `aaaa`.
fn unguessed(password: &SecretString, login: &str) -> usize {
    let mut rest = login_key(password.expose_secret());
    let login = login_key(login);
    // A login of two letters is in many a good password.
    if login.chars().count() >= 4 {
        rest = rest.replace(&login, "\n");
    }
    for word in COMMONEST {
        rest = rest.replace(word, "\n");
    }
    let mut before: Option<char> = None;
    let mut count = 0;
    for letter in rest.chars() {
        let run = before.is_some_and(|before| u32::from(before).abs_diff(u32::from(letter)) <= 1);
        before = Some(letter);
        if letter != '\n' && !run {
            count += 1;
        }
    }
    count
}

/// As it is hashed: the same letters typed on another system come in another form (NIST SP 800-63B: normalise first).
fn composed(password: &SecretString) -> SecretString {
    SecretString::from(password.expose_secret().nfc().collect::<String>())
}

/// No account can have a password like this, so none needs to be compared with it.
fn is_endless(password: &SecretString) -> bool {
    // Four bytes a character, and as much again for those that are composed of two.
    password.expose_secret().len() > 8 * PASSWORD_CHARS.end()
}

/// Argon2id with 7 MiB and five passes: of the choices that OWASP's Password Storage Cheat Sheet calls equal, the one
/// with the least memory. A hash tells its own parameters, so those made with others stay good.
fn argon2() -> Argon2<'static> {
    let params = Params::new(7 * 1024, 5, 1, None).expect("parameters within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &SecretString) -> SecretString {
    let hash = argon2()
        .hash_password(composed(password).expose_secret().as_bytes())
        .expect("argon2 with its own parameters hashes anything");
    SecretString::from(hash.to_string())
}

/// What is kept of a password.
pub async fn hashed(gate: &Gate, password: &SecretString) -> Result<SecretString, Busy> {
    let password = password.clone();
    gate.run(move || hash(&password)).await
}

/// Compares against a made-up hash when there is no account, so that an unknown login takes as long as a known one.
pub async fn matches(gate: &Gate, known: Option<SecretString>, password: &SecretString) -> Result<bool, Busy> {
    static NOBODYS: LazyLock<SecretString> = LazyLock::new(|| hash(&SecretString::from("nobody has this password")));
    if is_endless(password) {
        return Ok(false);
    }
    let password = password.clone();
    gate.run(move || {
        let exists = known.is_some();
        // Made with the first password of all that is compared, whoever's that is.
        let nobodys = &*NOBODYS;
        let hash = known.as_ref().unwrap_or(nobodys);
        let Ok(hash) = PasswordHash::new(hash.expose_secret()) else {
            return false;
        };
        let matches = argon2().verify_password(composed(&password).expose_secret().as_bytes(), &hash);
        exists && matches.is_ok()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(password: &str) -> Option<FieldProblem> {
        match acceptable("password", &SecretString::from(password), "hong.raon") {
            Ok(()) => None,
            Err(AppError::Invalid { problem, .. }) => Some(problem),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_password_has_twelve_to_256_characters_whatever_the_script() {
        assert_eq!(problem("blue teapot"), Some(FieldProblem::TooShort));
        assert_eq!(problem("blue teapots"), None);
        assert_eq!(problem("파란주전자는끓지않습니다"), None);
        assert_eq!(
            problem("파란주전자"),
            Some(FieldProblem::TooShort),
            "15 bytes are five characters"
        );
        let long: String = ('가'..).step_by(7).take(256).collect();
        assert_eq!(problem(&long), None);
        assert_eq!(problem(&format!("{long}x")), Some(FieldProblem::TooLong));
        assert_eq!(
            problem(&"long enough to be a page ".repeat(100_000)),
            Some(FieldProblem::TooLong)
        );
    }

    #[test]
    fn what_a_guesser_tries_first_is_refused() {
        for weak in [
            "password1234",
            "Password!2026",
            "PASSWORDPASSWORD",
            "1q2w3e4r5t6y",
            "aaaaaaaaaaaa",
            "123456789012",
            "abcdefghijkl",
            "qwertyuiop12",
            "administrator1!",
            "hong.raon1234",
            "Hong.Raon.Hong.Raon",
            "AllotmentAdmin1",
            "dkssudgktpdy",
        ] {
            assert_eq!(problem(weak), Some(FieldProblem::Guessable), "{weak}");
        }
        for good in [
            "correct horse battery",
            "x7Qp-22mL-99zt",
            "서울에서 부산까지 세 시간",
            "my password is a fish",
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
    }

    #[tokio::test]
    async fn a_password_is_the_same_on_every_keyboard() {
        let gate = Gate::new(1, 8);
        let typed = SecretString::from("파란 주전자 셋과 컵");
        let on_another = SecretString::from(typed.expose_secret().nfd().collect::<String>());
        assert_ne!(typed.expose_secret(), on_another.expose_secret());
        let kept = hashed(&gate, &typed).await.unwrap();
        assert!(matches(&gate, Some(kept.clone()), &on_another).await.unwrap());
        let other = SecretString::from("파란 주전자 셋과 병");
        assert!(!matches(&gate, Some(kept), &other).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_signs_in_with_the_password_of_nobody() {
        let gate = Gate::new(1, 8);
        let nobodys = SecretString::from("nobody has this password");
        assert!(!matches(&gate, None, &nobodys).await.unwrap());
    }
}
