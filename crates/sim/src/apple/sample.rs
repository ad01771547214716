//! Organisations to start with: what Apple knows before anybody asks.

use serde::{Deserialize, Serialize};

use super::icon::Mark;
use super::mdm_info::MdmInfo;
use super::token::{TokenKind, TokenState};

/// One location with its apps, people and tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organisation {
    pub uid: String,
    pub name: String,
    pub location_name: String,
    pub country: String,
    pub default_platform: String,
    pub website_url: String,
    /// Accounts of this domain can be associated without an invitation.
    pub managed_domain: String,
    /// The server that manages the location already.
    pub mdm_info: Option<MdmInfo>,
    pub assets: Vec<App>,
    /// People whom another server brought in earlier.
    pub users: Vec<EarlierUser>,
    pub tokens: Vec<TokenSpec>,
}

/// An app as the store and the licensing service know it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    pub adam_id: String,
    pub pricing_param: String,
    /// `App` or `Book`, as the licensing service says it.
    #[serde(default = "app_type")]
    pub product_type: String,
    pub name_ko: String,
    pub name_en: String,
    pub publisher_ko: String,
    pub publisher_en: String,
    pub bundle_id: String,
    pub version: String,
    /// The version as the store counts them.
    #[serde(default = "first_version")]
    pub external_version: i64,
    pub minimum_os: String,
    /// `iphone`, `ipad`, `mac`: the store's words.
    pub device_families: Vec<String>,
    /// `iOS`, `macOS`: the licensing service's words.
    pub platforms: Vec<String>,
    pub total: i64,
    pub unlimited: bool,
    pub revocable: bool,
    pub device_assignable: bool,
    /// The store shows it only to those who come with a content token.
    pub custom: bool,
    /// `#rrggbb`
    pub colour: String,
    pub mark: Mark,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EarlierUser {
    pub client_user_id: String,
    pub email: Option<String>,
    pub account: String,
    /// The `adamId`s of the apps that this person holds a licence of.
    pub holds: Vec<String>,
}

/// A token to be downloaded when the simulator starts for the first time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenSpec {
    pub kind: TokenKind,
    pub state: TokenState,
    pub read_only: bool,
    /// Counted from the first start; negative for one that expired before.
    pub expires_in_days: i64,
}

impl TokenSpec {
    pub fn valid(kind: TokenKind, expires_in_days: i64) -> Self {
        TokenSpec {
            kind,
            state: TokenState::Valid,
            read_only: false,
            expires_in_days,
        }
    }
}

/// The organisation of the console's pictures, with ten apps; two licences of one of them
/// are in the hands of another server's people.
pub fn organisation() -> Organisation {
    Organisation {
        uid: "204977130058".into(),
        name: "서린들 주식회사".into(),
        location_name: "본사".into(),
        country: "KR".into(),
        default_platform: "enterprisestore".into(),
        website_url: "https://business.apple.com".into(),
        managed_domain: "appleid.seorindeul.example".into(),
        mdm_info: None,
        assets: vec![
            app(
                1,
                "한올서명",
                "Hanol Sign",
                "한올랩",
                "Hanol Lab",
                "4.2.1",
                "16.0",
                "iphone ipad",
                20,
            )
            .drawn("#22384f", Mark::Signature),
            app(
                2,
                "물레 CAD",
                "Mulle CAD",
                "물레공방",
                "Mulle Works",
                "2026.3",
                "17.0",
                "ipad mac",
                8,
            )
            .drawn("#9c4330", Mark::Wheel),
            app(
                3,
                "돌담 금고",
                "Doldam Vault",
                "돌담",
                "Doldam",
                "8.1",
                "16.0",
                "iphone ipad mac",
                42,
            )
            .drawn("#37393b", Mark::Stones),
            app(
                4,
                "여울 회의",
                "Yeoul Meet",
                "여울",
                "Yeoul",
                "12.0.4",
                "16.4",
                "iphone ipad mac",
                60,
            )
            .drawn("#1c6d86", Mark::Waves),
            app(
                5,
                "도담노트",
                "Dodam Notes",
                "도담",
                "Dodam",
                "3.7",
                "15.0",
                "iphone ipad",
                45,
            )
            .drawn("#b27a14", Mark::Lines),
            app(6, "마루보드", "Maru Board", "마루", "Maru", "1.9.2", "17.0", "ipad", 15)
                .drawn("#2c5a4c", Mark::Bricks),
            app(
                7,
                "켜켜이 문서",
                "Kyeo Docs",
                "켜켜이",
                "Kyeo",
                "5.5",
                "16.0",
                "iphone ipad",
                40,
            )
            .drawn("#505c66", Mark::Layers),
            app(
                8,
                "소반 재고",
                "Soban Stock",
                "소반",
                "Soban",
                "2.0.8",
                "15.0",
                "iphone",
                25,
            )
            .drawn("#6f5236", Mark::Table),
            app(
                9,
                "바람길 지도",
                "Baramgil Maps",
                "바람길",
                "Baramgil",
                "7.3",
                "16.0",
                "iphone",
                30,
            )
            .drawn("#467348", Mark::Path),
            app(
                10,
                "새참일정",
                "Saecham Calendar",
                "새참",
                "Saecham",
                "6.1",
                "16.0",
                "iphone mac",
                0,
            )
            .without_end()
            .drawn("#bd5a3c", Mark::Bowl),
        ],
        users: vec![earlier_user("a1", "cad1"), earlier_user("b2", "cad2")],
        tokens: vec![
            TokenSpec::valid(TokenKind::Valid, 289),
            TokenSpec::valid(TokenKind::Renewal, 365),
            TokenSpec::valid(TokenKind::Expired, -10),
            TokenSpec {
                state: TokenState::Revoked,
                ..TokenSpec::valid(TokenKind::Revoked, 200)
            },
            TokenSpec {
                read_only: true,
                ..TokenSpec::valid(TokenKind::ReadOnly, 289)
            },
        ],
    }
}

/// An organisation of somebody else, to be refused as a renewal.
pub fn other_account() -> Organisation {
    Organisation {
        uid: "204977139904".into(),
        name: "늘봄상사".into(),
        location_name: "부산".into(),
        managed_domain: "appleid.neulbom.example".into(),
        assets: vec![
            app(
                5,
                "도담노트",
                "Dodam Notes",
                "도담",
                "Dodam",
                "3.7",
                "15.0",
                "iphone ipad",
                12,
            )
            .drawn("#b27a14", Mark::Lines),
        ],
        users: Vec::new(),
        tokens: vec![TokenSpec::valid(TokenKind::OtherAccount, 300)],
        ..organisation()
    }
}

/// A location that another server manages.
pub fn managed_elsewhere() -> Organisation {
    Organisation {
        uid: "204977135512".into(),
        location_name: "연구소".into(),
        mdm_info: Some(MdmInfo {
            id: "6f1a8a52-3c0b-4a55-9a5e-0b9d3d0c7e11".into(),
            name: "Other MDM".into(),
            metadata: "mdm.other.example".into(),
        }),
        assets: vec![
            app(
                4,
                "여울 회의",
                "Yeoul Meet",
                "여울",
                "Yeoul",
                "12.0.4",
                "16.4",
                "iphone ipad mac",
                10,
            )
            .drawn("#1c6d86", Mark::Waves),
        ],
        users: Vec::new(),
        tokens: vec![TokenSpec::valid(TokenKind::ExternalMdm, 250)],
        ..organisation()
    }
}

/// All of them: what the simulator starts with unless told otherwise.
pub fn organisations() -> Vec<Organisation> {
    vec![organisation(), other_account(), managed_elsewhere()]
}

/// The `adamId` of the n-th sample app, from 1.
pub fn adam_id(number: u32) -> String {
    format!("{}", 900_000_100 + number)
}

fn first_version() -> i64 {
    812_000_000
}

#[expect(clippy::too_many_arguments, reason = "one line of the table above")]
fn app(
    number: u32,
    name_ko: &str,
    name_en: &str,
    publisher_ko: &str,
    publisher_en: &str,
    version: &str,
    minimum_os: &str,
    device_families: &str,
    total: i64,
) -> App {
    let device_families: Vec<String> = device_families.split(' ').map(String::from).collect();
    let mut platforms = Vec::new();
    if device_families.iter().any(|family| family != "mac") {
        platforms.push("iOS".to_string());
    }
    if device_families.iter().any(|family| family == "mac") {
        platforms.push("macOS".to_string());
    }
    App {
        adam_id: adam_id(number),
        pricing_param: "STDQ".into(),
        product_type: app_type(),
        name_ko: name_ko.into(),
        name_en: name_en.into(),
        publisher_ko: publisher_ko.into(),
        publisher_en: publisher_en.into(),
        bundle_id: format!("example.{}", name_en.to_lowercase().replace(' ', ".")),
        version: version.into(),
        external_version: first_version(),
        minimum_os: minimum_os.into(),
        device_families,
        platforms,
        total,
        unlimited: false,
        revocable: true,
        device_assignable: true,
        custom: false,
        colour: "#505c66".into(),
        mark: Mark::Plain,
    }
}

impl App {
    /// An app to make up an organisation in a test.
    pub fn sample(adam_id: &str, total: i64) -> Self {
        let app = app(
            0,
            adam_id,
            adam_id,
            "한올랩",
            "Hanol Lab",
            "1.0",
            "16.0",
            "iphone ipad",
            total,
        );
        App {
            adam_id: adam_id.into(),
            bundle_id: format!("example.app.{adam_id}"),
            ..app
        }
    }

    /// A book: it has no bundle id, cannot be taken back, and belongs to people only.
    pub fn book(adam_id: &str, total: i64) -> Self {
        App {
            product_type: "Book".into(),
            bundle_id: String::new(),
            revocable: false,
            device_assignable: false,
            ..App::sample(adam_id, total)
        }
    }

    fn drawn(self, colour: &str, mark: Mark) -> Self {
        App {
            colour: colour.into(),
            mark,
            ..self
        }
    }

    fn without_end(self) -> Self {
        App {
            unlimited: true,
            ..self
        }
    }
}

fn app_type() -> String {
    "App".into()
}

fn earlier_user(id: &str, name: &str) -> EarlierUser {
    EarlierUser {
        client_user_id: format!("old-server-{id}"),
        email: Some(format!("{name}@seorindeul.example")),
        account: format!("{name}@account.example"),
        holds: vec![adam_id(2)],
    }
}
