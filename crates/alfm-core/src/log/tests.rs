use super::*;

const A: ClassId = ClassId::new(0);
const B: ClassId = ClassId::new(1);
const C: ClassId = ClassId::new(2);

fn log() -> LabelLog {
    LabelLog::new(ClassSchema::new(["a", "b", "c"]).unwrap())
}

fn id(name: &str) -> SampleId {
    name.into()
}

fn suggest(log: &mut LabelLog, name: &str, at_random: bool, until: Option<u64>) {
    let round = log.next_round();
    let event = Event::Suggested { id: id(name), at_random, again: false, until };
    log.record(Entry { event, round, source: Source::default() }).unwrap();
}

fn say(log: &mut LabelLog, name: &str, answer: Answer) {
    log.answer(&[(id(name), answer)], &Source::default()).unwrap();
}

#[test]
fn the_newest_label_holds_and_the_old_one_is_kept() {
    let mut log = log();
    log.tell(&[(id("x"), A), (id("y"), A)]).unwrap();
    log.tell(&[(id("x"), B)]).unwrap();
    assert_eq!((log.counts(), log.labelled(), log.entries().len()), (vec![1, 1, 0], 2, 3));
    let order: Vec<&str> = log.labels().map(|label| label.id.as_str()).collect();
    assert_eq!(order, ["y", "x"]);
    assert_eq!((log.times_labelled(&id("x")), log.times_labelled(&id("y"))), (2, 1));
}

#[test]
fn what_is_out_with_somebody_is_not_suggested_again_until_it_comes_back() {
    let mut log = log();
    suggest(&mut log, "x", false, Some(100));
    suggest(&mut log, "y", false, None);
    assert_eq!(log.state(&id("x")), ItemState::Pending);
    assert!(!log.is_open(&id("x")) && log.is_open(&id("z")));
    assert_eq!(log.release_expired(99).unwrap(), 0);
    assert_eq!(log.release_expired(100).unwrap(), 1);
    assert!(log.is_open(&id("x")) && !log.is_open(&id("y")));
    assert_eq!(log.release_expired(100).unwrap(), 0);
    log.release([id("y")]).unwrap();
    assert!(log.is_open(&id("y")));
}

#[test]
fn each_answer_is_a_state_of_its_own() {
    let mut log = log();
    let answers = [
        ("skip", Answer::Skip, ItemState::Skipped),
        ("unsure", Answer::Unsure, ItemState::Unsure),
        ("none", Answer::NoneOfThese, ItemState::NoneOfThese),
        ("class", Answer::Class(B), ItemState::Labelled(B)),
    ];
    for (name, answer, state) in answers {
        suggest(&mut log, name, false, None);
        say(&mut log, name, answer);
        assert_eq!(log.state(&id(name)), state);
    }
    say(&mut log, "class", Answer::Retract);
    assert_eq!((log.state(&id("class")), log.labelled()), (ItemState::Retracted, 0));
    assert!(log.is_open(&id("class")), "it may be asked again");
    let again = log.answer(&[(id("class"), Answer::Retract)], &Source::default()).unwrap_err();
    assert!(again.to_string().contains("has no label"), "{again}");
    log.remove([id("none")]).unwrap();
    assert_eq!(log.state(&id("none")), ItemState::Removed);
    assert!(log.tell(&[(id("none"), A)]).unwrap_err().to_string().contains("was removed"));
}

#[test]
fn a_skipped_item_comes_back_in_the_next_round() {
    let mut log = log();
    suggest(&mut log, "x", false, None);
    suggest(&mut log, "y", false, None);
    assert_eq!(log.next_round(), 0);
    say(&mut log, "x", Answer::Skip);
    assert_eq!(log.next_round(), 1);
    assert!(log.is_open(&id("x")));
    suggest(&mut log, "z", false, None);
    say(&mut log, "x", Answer::Skip);
    suggest(&mut log, "w", false, None);
    assert!(log.is_open(&id("x")), "skipped in round 1, open in round 2");
}

/// Classes a, b, c; b becomes a part of c, so that c is number 1.
#[test]
fn merged_labels_keep_round_annotator_and_chance() {
    let mut log = log();
    let source = Source { annotator: Some("anna".into()), time: Some(7) };
    suggest(&mut log, "x", true, None);
    log.answer(&[(id("x"), Answer::Class(B))], &source).unwrap();
    suggest(&mut log, "y", false, None);
    log.answer(&[(id("y"), Answer::Class(C))], &source).unwrap();
    log.merge_class(B, C).unwrap();
    assert_eq!(log.schema().names(), ["a", "c"]);
    assert_eq!(log.counts(), [0, 2]);
    let x = log.label(&id("x")).unwrap();
    assert_eq!((x.class, x.round, x.at_random, x.source), (B, 0, true, &source));
    assert_eq!(log.label(&id("y")).unwrap().round, 1);
    let new = log.add_class("d").unwrap();
    log.rename_class(A, "z").unwrap();
    assert_eq!((new, log.schema().names()), (C, &["z", "c", "d"].map(String::from)[..]));
    assert!(log.add_class("c").unwrap_err().to_string().contains("`c` is given twice"));
    assert!(log.merge_class(A, A).is_err());
}

#[test]
fn a_question_asked_on_purpose_takes_chance_away_and_one_asked_again_does_not() {
    let mut log = log();
    log.tell_random(&[(id("x"), A), (id("y"), A)]).unwrap();
    let event = |again| Event::Suggested { id: id("x"), at_random: false, again, until: None };
    let entry = |again| Entry { event: event(again), round: 1, source: Source::default() };
    log.record(entry(true)).unwrap();
    assert!(log.at_random(&id("x")));
    say(&mut log, "x", Answer::Retract);
    log.record(entry(false)).unwrap();
    assert!(!log.at_random(&id("x")) && log.at_random(&id("y")));
}

#[test]
fn a_label_of_the_engine_never_replaces_one_of_people() {
    let mut log = log();
    let pseudo = |name: &str, class| Entry {
        event: Event::Answered {
            id: id(name),
            answer: Answer::Class(class),
            provenance: Provenance::Pseudo,
            at_random: None,
        },
        round: 0,
        source: Source::default(),
    };
    log.record(pseudo("x", A)).unwrap();
    log.tell(&[(id("x"), A)]).unwrap();
    let error = log.record(pseudo("x", B)).unwrap_err();
    assert!(error.to_string().contains("a pseudo-label may not replace it"), "{error}");
    assert_eq!(log.class(&id("x")), Some(A));
}

#[test]
fn of_a_batch_with_a_fault_nothing_is_recorded() {
    let mut log = log();
    let error = log.tell(&[(id("x"), A), (id("y"), ClassId::new(9))]).unwrap_err();
    assert!(error.to_string().starts_with("class 9 is unknown"), "{error}");
    assert!(log.entries().is_empty());
}

#[test]
fn a_replayed_log_is_the_log() {
    let mut log = log();
    suggest(&mut log, "x", true, Some(5));
    say(&mut log, "x", Answer::Class(C));
    suggest(&mut log, "y", false, None);
    log.merge_class(B, A).unwrap();
    log.remove([id("z")]).unwrap();
    let text = serde_json::to_string(&log).unwrap();
    let back: LabelLog = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert_eq!((back.class(&id("x")), back.next_round()), (Some(B), log.next_round()));
    assert!(back.at_random(&id("x")) && back.is_pending(&id("y")));
    for (from, to, says) in [
        (r#""class":2"#, r#""class":9"#, "class 9 is unknown"),
        (r#""format":1"#, r#""format":2"#, "this version reads 1"),
    ] {
        let broken = text.replace(from, to);
        assert_ne!(broken, text, "{from}");
        let message = serde_json::from_str::<LabelLog>(&broken).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}
