//! What a location tells its server by itself, until that was taken: notifications (reference §5).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AssetKey, EventType, Holder, Location, Task, User};

/// More elements go into several notifications (§5.4).
const ELEMENTS: usize = 100;

/// One notification, on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same on each attempt.
    pub id: String,
    pub notification_type: String,
    pub notification: Value,
    /// How often it was sent in vain.
    pub attempts: usize,
    pub due_at: i64,
}

impl Notice {
    pub fn test() -> Notice {
        Notice {
            id: "test".into(),
            notification_type: "TEST_NOTIFICATION".into(),
            notification: json!({}),
            attempts: 0,
            due_at: 0,
        }
    }

    /// What is posted.
    pub fn body(&self, uid: &str) -> Value {
        json!({
            "notification": self.notification,
            "notificationId": self.id,
            "notificationType": self.notification_type,
            "uId": uid,
        })
    }
}

/// What became of a task.
pub type Done = (Task, Result<(), i32>);

impl Location {
    /// Whether somebody is told of such things.
    fn tells(&self, notification_type: &str) -> bool {
        let subscribed = &self.configuration.notification_types;
        self.configuration.notification_url.is_some() && subscribed.iter().any(|one| one == notification_type)
    }

    pub(super) fn tell(&mut self, notification_type: &str, notification: Value, now: i64) {
        if !self.tells(notification_type) {
            return;
        }
        self.notices_told += 1;
        self.notices.push_back(Notice {
            id: format!("{}-{}", self.uid, self.notices_told),
            notification_type: notification_type.into(),
            notification,
            attempts: 0,
            due_at: now,
        });
    }

    /// A purchase, a transfer or a refund (S70).
    pub(super) fn tell_count(&mut self, key: &AssetKey, delta: i64, now: i64) {
        let told = json!({"adamId": key.adam_id, "pricingParam": key.pricing_param, "countDelta": delta});
        self.tell("ASSET_COUNT", told, now);
    }

    /// A person accepted.
    pub(super) fn tell_associated(&mut self, user: &User, now: i64) {
        self.tell("USER_ASSOCIATED", json!({"associatedUsers": [user_record(user)]}), now);
    }

    /// What was done of an event since it was last told: success and each error by itself, so many elements at once.
    pub(super) fn tell_done(&mut self, event_id: &str, event_type: EventType, done: &[Done], now: i64) {
        let of_people = matches!(event_type, EventType::Create | EventType::Update | EventType::Retire);
        let notification_type = if of_people {
            "USER_MANAGEMENT"
        } else {
            "ASSET_MANAGEMENT"
        };
        if !self.tells(notification_type) {
            return;
        }
        let list = if of_people { "users" } else { "assignments" };
        let mut outcomes: Vec<Result<(), i32>> = done.iter().map(|(_, outcome)| *outcome).collect();
        outcomes.sort();
        outcomes.dedup();
        for outcome in outcomes {
            let of_it = done.iter().filter(|(_, it)| *it == outcome);
            let elements: Vec<Value> = of_it
                .flat_map(|(task, _)| self.elements(task, outcome.is_ok()))
                .collect();
            for part in elements.chunks(ELEMENTS) {
                let mut told = json!({"eventId": event_id, "type": event_type, "result": "SUCCESS"});
                told[list] = json!(part);
                if let Err(number) = outcome {
                    told["result"] = json!("FAILURE");
                    told["error"] = json!({"errorNumber": number, "errorMessage": "it could not be done"});
                }
                self.tell(notification_type, told, now);
            }
        }
    }

    /// What another server of the location had done: its events are told to whoever is configured (S72).
    pub(super) fn tell_elsewhere(&mut self, event_type: EventType, task: Task, now: i64) {
        let event_id = format!("elsewhere-{}", self.notices_told + 1);
        self.tell_done(&event_id, event_type, &[(task, Ok(()))], now);
    }

    fn elements(&self, task: &Task, done: bool) -> Vec<Value> {
        match task {
            Task::Associate(key, holder) | Task::Disassociate(key, holder) => vec![assignment(key, holder)],
            Task::Revoke(holder) => {
                let mut element = json!({});
                name(&mut element, holder);
                vec![element]
            }
            Task::Create(user) | Task::Update(user) => vec![self.person(&user.client_user_id, done)],
            Task::Retire(id) => vec![self.person(id, done)],
        }
    }

    fn person(&self, client_user_id: &str, done: bool) -> Value {
        match self.books.user(client_user_id).filter(|_| done) {
            Some(user) => user_record(user),
            None => json!({"clientUserId": client_user_id}),
        }
    }
}

fn assignment(key: &AssetKey, holder: &Holder) -> Value {
    let mut element = json!({"adamId": key.adam_id, "pricingParam": key.pricing_param});
    name(&mut element, holder);
    element
}

fn name(element: &mut Value, holder: &Holder) {
    match holder {
        Holder::User(id) => element["clientUserId"] = json!(id),
        Holder::Device(serial) => element["serialNumber"] = json!(serial),
    }
}

/// A person as answers and notifications show them.
pub fn user_record(user: &User) -> Value {
    let mut record = json!({"clientUserId": user.client_user_id, "status": user.status});
    if let Some(email) = &user.email {
        record["email"] = json!(email);
    }
    if let (Some(code), true) = (&user.invite_code, user.status.is_active()) {
        record["inviteCode"] = json!(code);
    }
    if let Some(hash) = &user.id_hash {
        record["idHash"] = json!(hash);
    }
    record
}
