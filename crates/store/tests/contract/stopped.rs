//! Plans that were stopped are kept while they are not sound.

use domain::{AssetId, Breach, Fault, Holder, PersonId, Step};
use store::StoppedRow;

use super::*;

fn fault(person: PersonId, breach: Breach) -> Fault {
    let holder = Holder::Person(person);
    Fault {
        person,
        breach,
        step: Step::Disassociate {
            app: AssetId(Uuid::from_u128(9)),
            holder,
        },
    }
}

on_both! {
    async fn a_stopped_plan_is_told_once_and_kept_until_it_is_sound(fresh: &Fresh, store: Store) {
        let _ = fresh;
        let (location, _) = one_asset(&store, 5).await;
        let people = people(&store, 3).await;
        let (first, second) = (people[0], people[1]);
        let there = fault(first, Breach::StillThere);
        let (wanted, of_another) = (fault(first, Breach::StillWanted), fault(second, Breach::StillThere));
        let later = NOW + Duration::from_secs(60);

        let mut tx = store.begin().await.unwrap();
        let stopped = tx.stopped_keep(location, &people, &[there, of_another], NOW).await.unwrap();
        assert_eq!((stopped.new, stopped.sound.len()), (vec![there, of_another], 0));
        // Decided once more: the same is wrong, and something else with it.
        let stopped = tx.stopped_keep(location, &[first], &[there, wanted], later).await.unwrap();
        assert_eq!((stopped.new, stopped.sound.len()), (vec![wanted], 0));
        tx.commit().await.unwrap();
        let rows = store.stopped_of(location, &[first]).await.unwrap();
        let row = |fault, since| StoppedRow { fault, since };
        assert_eq!(rows, [row(there, NOW), row(wanted, later)]);
        let (many, since) = store.stopped_counted(location).await.unwrap();
        assert_eq!((many.number, many.more, since), (2, false, Some(NOW)));
        let mut ids = [first, second];
        ids.sort();
        let one = store.stopped_after(location, None, 1).await.unwrap();
        assert!(one.iter().all(|row| row.fault.person == ids[0]), "{one:?}");
        let next = store.stopped_after(location, Some(ids[0]), 9).await.unwrap();
        assert!(next.iter().all(|row| row.fault.person == ids[1]), "{next:?}");
        assert_eq!(one.len() + next.len(), 3);

        // One thing is as it should be again, and then the other.
        let mut tx = store.begin().await.unwrap();
        let stopped = tx.stopped_keep(location, &[first], &[wanted], later).await.unwrap();
        assert_eq!((stopped.new.len(), stopped.sound.len()), (0, 0));
        let stopped = tx.stopped_keep(location, &[first], &[], later).await.unwrap();
        assert_eq!((stopped.new.len(), stopped.sound), (0, [first].into()));
        tx.commit().await.unwrap();
        // Whoever was not decided is as before.
        let (many, _) = store.stopped_counted(location).await.unwrap();
        assert_eq!(many.number, 1);
        assert_eq!(store.stopped_of(location, &[second]).await.unwrap(), [row(of_another, NOW)]);
        // Elsewhere nothing is known of it.
        assert_eq!(store.stopped_of(domain::LocationId(Uuid::from_u128(8)), &people).await.unwrap(), []);
    }
}
