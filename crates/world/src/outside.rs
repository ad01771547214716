//! What happens outside: Apple, another server, and the way to them.

use sim::apple::{EventOrder, Fault, Garbage, Holder, Overassign, Trouble};

use crate::{
    network::{self, Fate},
    world::World,
};

impl World {
    pub async fn apple_acts(&mut self) -> Result<(), String> {
        let (adam_id, ..) = self.apps[self.rng.below(self.apps.len())].clone();
        match self.rng.below(9) {
            0 | 1 => {
                let count = 1 + self.rng.below(2) as i64;
                let bought = self.apple.buy(&adam_id, count);
                self.say(format!("{count} of {adam_id} are bought: {bought}"));
            }
            2 => {
                let refunded = self.apple.refund(&adam_id, 1);
                if refunded {
                    self.went_unheard(&adam_id);
                }
                self.say(format!("one of {adam_id} is refunded: {refunded}"));
            }
            3 | 4 => {
                let holder = format!("foreign{}", self.rng.below(3));
                let free = self.apple.ledger().main().asset(&adam_id).is_some_and(|asset| {
                    asset.available - asset.on_the_way > 0 && !asset.holders.contains(&Holder::Device(holder.clone()))
                });
                if free {
                    self.foreign
                        .takes(&self.apple, &adam_id, Holder::Device(holder.clone()));
                    self.went_unheard(&adam_id);
                    self.say(format!("another server gives {adam_id} to {holder}"));
                }
            }
            5 => {
                if self.foreign.gives_back(&self.apple, &adam_id) {
                    self.say(format!("another server takes {adam_id} back"));
                }
            }
            _ => self.apple_changes_manners(),
        }
        Ok(())
    }

    /// A licence is gone of which we know only once we look.
    fn went_unheard(&mut self, adam_id: &str) {
        *self.excused.unheard.entry(adam_id.to_owned()).or_default() += 1;
    }

    pub fn apple_changes_manners(&mut self) {
        let rng = &mut self.rng;
        let calls = [
            "GET assets",
            "GET assignments",
            "GET users",
            "GET status",
            "GET client/config",
            "POST assets/associate",
            "POST assets/disassociate",
            "POST users/create",
            "POST users/retire",
        ];
        let call = calls[rng.below(calls.len())];
        let retry_after_s = rng.chance(0.5).then(|| 1 + rng.below(30) as u32);
        let is = match rng.below(8) {
            0 => {
                Trouble::Garbled([Garbage::Html, Garbage::Empty, Garbage::Truncated, Garbage::OtherJson][rng.below(4)])
            }
            1 => Trouble::DoneButInternalError,
            2 => Trouble::Refused {
                number: 9646,
                retry_after_s,
            },
            3 => Trouble::Refused {
                number: 9729,
                retry_after_s,
            },
            4 => Trouble::Refused {
                number: 9603,
                retry_after_s: None,
            },
            5 => Trouble::Gateway {
                status: 502,
                retry_after_s: None,
            },
            6 => Trouble::Lost,
            _ => Trouble::Unheard,
        };
        let times = 1 + rng.below(3) as u32;
        let event_delay_ms = [500, 5_000, 60_000, 300_000][rng.below(4)];
        let read_lag_ms = [0, 0, 5_000, 40_000][rng.below(4)];
        let (shuffled, all_or_nothing) = (rng.chance(0.5), rng.chance(0.5));
        let task_failure = if rng.chance(0.2) { 0.3 } else { 0.0 };
        let removed_in_delta = rng.chance(0.3);
        self.apple.switch(|switches| {
            switches.faults.push(Fault {
                call: call.to_owned(),
                is,
                times,
            });
            switches.event_delay_ms = Some(event_delay_ms);
            switches.read_lag_ms = read_lag_ms;
            switches.task_failure = task_failure;
            switches.removed_in_delta = removed_in_delta;
            switches.event_order = if shuffled {
                EventOrder::Shuffled
            } else {
                EventOrder::InOrder
            };
            switches.overassign = if all_or_nothing {
                Overassign::AllOrNothing
            } else {
                Overassign::Partial
            };
        });
        self.say(format!(
            "Apple has manners: {call} {is:?} {times} times, events take {event_delay_ms} ms, lists lag {read_lag_ms} ms"
        ));
    }

    /// The next writes are done, and nobody hears of it; lists show it late.
    pub fn writes_get_lost(&mut self) {
        let calls = ["POST assets/associate", "POST assets/disassociate", "POST users/create"];
        let call = calls[self.rng.below(calls.len())].to_owned();
        self.say(format!("the answer of the next {call} gets lost"));
        self.apple.switch(|switches| {
            switches.faults.push(Fault {
                call,
                is: Trouble::Lost,
                times: 1,
            });
            switches.read_lag_ms = 40_000;
        });
    }

    pub fn apple_is_well(&mut self) {
        self.apple.switch(|switches| {
            switches.faults.clear();
            switches.event_delay_ms = None;
            switches.read_lag_ms = 0;
            switches.task_failure = 0.0;
        });
    }

    /// Another server takes the location, or lets go of it, and somebody uploads our token again.
    pub async fn owner_changes(&mut self) -> Result<(), String> {
        self.excused.owner = true;
        if self.seen.taken_over {
            return self.comes_back().await;
        }
        self.say("another server takes the location");
        self.apple.set_mdm_info(Some(sim::apple::MdmInfo {
            id: network::ANOTHER.to_owned(),
            name: "Another".to_owned(),
            metadata: String::new(),
        }));
        self.seen.taken_over = true;
        Ok(())
    }

    pub async fn comes_back(&mut self) -> Result<(), String> {
        if self.seen.taken_over {
            self.say("the token is uploaded again");
            self.apple_is_well();
            self.seen.taken_over = false;
            self.network.is_ours();
            self.apple.set_mdm_info(None);
            self.links().await?;
        }
        Ok(())
    }

    /// A request or an answer that is held goes on.
    pub async fn wire_moves(&mut self) -> Result<(), String> {
        let held = self.network.held();
        let Some(held) = held.get(self.rng.below(held.len())) else {
            return Ok(());
        };
        let fate = match self.rng.below(20) {
            0 => Fate::Lost,
            1 if !held.answer => Fate::Unheard,
            2 | 3 if !held.answer => Fate::Late,
            _ => Fate::Heard,
        };
        if fate != Fate::Heard || held.call.starts_with("POST") {
            self.say(format!(
                "{} {}: {fate:?}",
                held.call,
                if held.answer { "answered" } else { "asked" }
            ));
        }
        if fate != Fate::Heard && held.call.starts_with("POST assets") {
            self.count("a write about licences goes astray");
        }
        self.network.lets_go(held.ticket, fate);
        self.goes_on(held.flight).await
    }

    pub async fn orphans_arrive(&mut self) {
        for orphan in self.network.orphans() {
            // Within the time that a request has it arrives, or never will.
            let arrives = self.rng.chance(0.5) && self.true_now() - orphan.left_at < 35_000;
            if arrives {
                self.say(format!("{} of the dead arrives", orphan.call()));
                self.network.arrives(orphan).await;
            }
        }
    }
}
