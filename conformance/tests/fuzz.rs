//! Random cases find what differs: each of the C program's deviations, left out of its model, is found and made small.

use knock_conformance::{
    fuzz::{self, Against, difference},
    model::{Deviation, Deviations, Model},
    subject::Subject,
};

#[test]
fn a_switch_that_is_missing_is_found_and_shrunk() {
    let whole = Model::knockd_0_8();
    for missing in Deviation::ALL.iter().filter(|one| Deviations::KNOCKD_0_8.on(**one)) {
        let less = Model::deviating("one less", Deviations::KNOCKD_0_8.without(*missing));
        let found = fuzz::search(&whole, &less, Against::Original, 1, 30_000, &|| {})
            .unwrap_or_else(|broken| panic!("{missing}: {broken}"))
            .unwrap_or_else(|| panic!("no random case shows `{missing}`"));
        let (first, second) = (whole.run(&found.case).expect("no world"), less.run(&found.case).expect("no world"));
        assert_eq!(difference(&first, &second), Some(found.difference), "{missing}\n{}", found.text);
        // Two doors and a handful of packets show each of them.
        let doors = found.text.matches("[door").count();
        let packets = found.case.timeline.packets().count();
        assert!(doors <= 2 && packets <= 8, "{missing}: {doors} doors, {packets} packets\n{}", found.text);
    }
}

#[test]
fn who_does_the_same_is_not_told_apart() {
    let model = Model::knockd_0_8();
    let found = fuzz::search(&model, &model, Against::Original, 1, 300, &|| {}).expect("no world");
    assert!(found.is_none());
}
