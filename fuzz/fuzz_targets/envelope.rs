//! Any bytes in place of a message: to a scheduler, to a worker, in the fan-out, and their answers. What is a message is written and
//! read again as it was.

#![no_main]

use bus::{
    BackendAnswer, BackendMessage, BackendReported, Envelope, FailoverCompleted, SchedulerMessage,
    SubmitAnswer,
};
use libfuzzer_sys::fuzz_target;
use model::LogLevelChange;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    try_as::<SchedulerMessage>(input);
    try_as::<BackendMessage>(input);
    try_as::<BackendReported>(input);
    try_as::<FailoverCompleted>(input);
    try_as::<LogLevelChange>(input);
    let _ = serde_json::from_slice::<Result<SubmitAnswer, model::Error>>(input);
    let _ = serde_json::from_slice::<Result<BackendAnswer, model::Error>>(input);
});

fn try_as<Message: Serialize + DeserializeOwned>(input: &[u8]) {
    let Ok(message) = Envelope::<Message>::decode(input) else { return };
    let written = value(&message);
    let again = serde_json::to_vec(&written).expect("JSON");
    let again = Envelope::<Message>::decode(&again).expect("what was written can be read");
    assert_eq!(value(&again), written);
}

fn value<Message: Serialize>(message: &Envelope<Message>) -> Value {
    serde_json::to_value(message).expect("a message can be written")
}
