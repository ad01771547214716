//! The sample organisation: forty people with sixty devices, two kiosks, ten groups. Every name is made up.

use std::time::Duration;

pub const ORGANISATION: &str = "서린들 주식회사";

pub struct SamplePerson {
    pub name: &'static str,
    pub account: &'static str,
    pub department: &'static str,
}

const fn person(name: &'static str, account: &'static str, department: &'static str) -> SamplePerson {
    SamplePerson {
        name,
        account,
        department,
    }
}

pub const PEOPLE: [SamplePerson; 40] = [
    person("김도윤", "doyun", "영업팀"),
    person("이서연", "seoyeon", "영업팀"),
    person("윤가람", "garam", "영업팀"),
    person("장서우", "seowoo", "영업팀"),
    person("심예나", "yena", "영업팀"),
    person("한지호", "jiho", "영업팀"),
    person("Amelia Clarke", "amelia", "영업팀"),
    person("Oliver Bennett", "oliver", "영업팀"),
    person("박지후", "jihu", "현장팀"),
    person("임채원", "chaewon", "현장팀"),
    person("오수아", "sua", "현장팀"),
    person("서이준", "ijun", "현장팀"),
    person("권나율", "nayul", "현장팀"),
    person("황시우", "siwoo", "현장팀"),
    person("안소율", "soyul", "현장팀"),
    person("Harry Walsh", "harry", "현장팀"),
    person("최하은", "haeun", "재무팀"),
    person("전유나", "yuna", "재무팀"),
    person("송재하", "jaeha", "재무팀"),
    person("Emily Rhodes", "emily", "재무팀"),
    person("강민서", "minseo", "디자인팀"),
    person("신다온", "daon", "디자인팀"),
    person("배라희", "rahee", "디자인팀"),
    person("노은찬", "eunchan", "디자인팀"),
    person("Sophie Turnbull", "sophie", "디자인팀"),
    person("Jack Morley", "jack", "디자인팀"),
    person("정해솔", "haesol", "개발팀"),
    person("문태오", "taeo", "개발팀"),
    person("유하람", "haram", "개발팀"),
    person("남궁산", "san", "개발팀"),
    person("Grace Whitfield", "grace", "개발팀"),
    person("Noah Ellison", "noah", "개발팀"),
    person("고은결", "eungyeol", "구매팀"),
    person("하도겸", "dogyeom", "구매팀"),
    person("Lucy Harland", "lucy", "구매팀"),
    person("홍라온", "raon", "IT 운영팀"),
    person("조하늘", "haneul", "IT 운영팀"),
    person("George Pike", "george", "IT 운영팀"),
    person("양세린", "serin", "협력사"),
    person("손하람", "harams", "협력사"),
];

/// The department groups come from [`PEOPLE`]; this one holds everybody.
pub const EVERYBODY: &str = "전 직원";

/// Who sees the invitation to the programme and never accepts it.
pub const NEVER_ACCEPTS: &str = "jiho";
/// Whose iPhone was enrolled through the Device Enrollment Program.
pub const ENROLLED_THROUGH_DEP: [&str; 2] = ["raon", "george"];
/// Whose iPhone answers `NotNow` for a while.
pub const NOT_NOW: &str = "garam";
/// Who has to confirm each installation, because the device is not supervised.
pub const UNSUPERVISED: [&str; 6] = ["amelia", "serin", "harams", "lucy", "noah", "yena"];

pub const NOT_NOW_FOR: Duration = Duration::from_secs(90);

/// How long a person takes to accept: between 3 and 45 seconds, the same for the same person each time.
pub fn accepts_after(index: usize) -> Duration {
    Duration::from_millis(3_000 + (index as u64 * 7_919) % 42_000)
}

/// Devices that belong to nobody: name, serial number. They are all of one model, by which their group has them.
pub const KIOSKS: [(&str, &str); 2] = [("안내 데스크 iPad", "SIMK000001"), ("물류 창고 iPad", "SIMK000002")];
pub const KIOSK_MODEL: &str = "iPad13,18";
pub const KIOSK_GROUP: &str = "공용 iPad";

pub struct SampleDevice {
    pub owner: usize,
    pub name: String,
    pub serial: String,
    pub product_name: &'static str,
    pub os_version: &'static str,
}

/// An iPhone for everybody, and an iPad for every other one.
pub fn devices() -> Vec<SampleDevice> {
    let mut devices = Vec::with_capacity(60);
    for (owner, person) in PEOPLE.iter().enumerate() {
        devices.push(SampleDevice {
            owner,
            name: format!("{} iPhone", person.name),
            serial: format!("SIMP{owner:06}"),
            product_name: ["iPhone15,4", "iPhone16,1", "iPhone14,5"][owner % 3],
            os_version: ["18.1", "17.6.1", "18.0.1"][owner % 3],
        });
        if owner.is_multiple_of(2) {
            devices.push(SampleDevice {
                owner,
                name: format!("{} iPad", person.name),
                serial: format!("SIMT{owner:06}"),
                product_name: ["iPad13,1", "iPad14,3"][owner % 4 / 2],
                os_version: ["17.5", "18.1"][owner % 4 / 2],
            });
        }
    }
    devices
}
