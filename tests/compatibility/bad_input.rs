//! Bad input gets Cinder's code and fault body, and changes nothing.

use harness::{Answered, Client, ClusterBuilder};
use reqwest::Method;
use serde_json::{Value, json};

/// A request that must be refused.
struct Bad {
    what: &'static str,
    method: Method,
    path: String,
    body: Body,
    version: &'static str,
    status: u16,
}

enum Body {
    None,
    Json(Value),
    Raw(&'static str, String),
}

fn bad(what: &'static str, method: Method, path: &str, body: Body, status: u16) -> Bad {
    Bad { what, method, path: path.to_owned(), body, version: "volume 3.71", status }
}

fn json_body(what: &'static str, method: Method, path: &str, body: Value, status: u16) -> Bad {
    bad(what, method, path, Body::Json(body), status)
}

fn create(what: &'static str, volume: Value, status: u16) -> Bad {
    json_body(what, Method::POST, "/volumes", json!({ "volume": volume }), status)
}

async fn send(client: &Client, bad: &Bad) -> anyhow::Result<Answered> {
    let request = client.with_version(bad.version).request(bad.method.clone(), &bad.path);
    let request = match &bad.body {
        Body::None => request,
        Body::Json(body) => request.json(body),
        Body::Raw(content_type, body) => {
            request.header("Content-Type", *content_type).body(body.clone())
        }
    };
    Client::send(request).await
}

/// The key of the fault body that goes with a status.
fn fault_key(status: u16) -> &'static str {
    match status {
        400 => "badRequest",
        403 => "forbidden",
        404 => "itemNotFound",
        406 => "computeFault",
        413 => "overLimit",
        415 => "badMediaType",
        _ => "unexpected",
    }
}

fn malformed_bodies(volume: &str) -> Vec<Bad> {
    let raw = |content_type, body: &str| Body::Raw(content_type, body.to_owned());
    let put = format!("/volumes/{volume}");
    vec![
        bad("no body", Method::POST, "/volumes", Body::None, 400),
        bad(
            "malformed JSON",
            Method::POST,
            "/volumes",
            raw("application/json", "{\"volume\":"),
            400,
        ),
        bad(
            "a body that is no object",
            Method::POST,
            "/volumes",
            raw("application/json", "[1]"),
            400,
        ),
        bad(
            "a body that is no JSON at all",
            Method::PUT,
            &put,
            raw("application/json", "\u{1}"),
            400,
        ),
        bad("the wrong content type", Method::POST, "/volumes", raw("text/xml", "<volume/>"), 415),
        bad(
            "a body over the limit",
            Method::POST,
            "/volumes",
            raw("application/json", &" ".repeat(200_000)),
            413,
        ),
        json_body("a body without the resource", Method::POST, "/volumes", json!({}), 400),
        json_body("a null resource", Method::POST, "/volumes", json!({ "volume": null }), 400),
        json_body(
            "a resource that is a text",
            Method::POST,
            "/volumes",
            json!({ "volume": "x" }),
            400,
        ),
        json_body(
            "a key beside the resource",
            Method::POST,
            "/volumes",
            json!({ "volume": { "size": 1 }, "x": 1 }),
            400,
        ),
    ]
}

fn malformed_volumes() -> Vec<Bad> {
    let long = "x".repeat(256);
    vec![
        create("no size", json!({}), 400),
        create("a null size", json!({ "size": null }), 400),
        create("a negative size", json!({ "size": -1 }), 400),
        create("a size of zero", json!({ "size": 0 }), 400),
        create("a fraction of a size", json!({ "size": 1.5 }), 400),
        create("an absurd size", json!({ "size": 99_999_999_999_i64 }), 400),
        create("a size that no backend has", json!({ "size": 2_147_483_647 }), 400),
        create("a size in words", json!({ "size": "one" }), 400),
        create("an empty size", json!({ "size": "" }), 400),
        create("a boolean size", json!({ "size": true }), 400),
        create("a list of sizes", json!({ "size": [1] }), 400),
        create("a long name", json!({ "size": 1, "name": long }), 400),
        create("a name that is a number", json!({ "size": 1, "name": 1 }), 400),
        create("a long description", json!({ "size": 1, "description": long }), 400),
        create("an empty zone", json!({ "size": 1, "availability_zone": "" }), 400),
        create("metadata that is a list", json!({ "size": 1, "metadata": [] }), 400),
        create("a number in the metadata", json!({ "size": 1, "metadata": { "k": 1 } }), 400),
        create("an empty metadata key", json!({ "size": 1, "metadata": { "": "v" } }), 400),
        create("a long metadata value", json!({ "size": 1, "metadata": { "k": long } }), 400),
        create("an unknown type", json!({ "size": 1, "volume_type": "nonesuch" }), 404),
        create("a snapshot id that is none", json!({ "size": 1, "snapshot_id": "x" }), 400),
        create("a source id that is none", json!({ "size": 1, "source_volid": 7 }), 400),
        create("an unknown key since 3.53", json!({ "size": 1, "colour": "red" }), 400),
        create("the removed multiattach", json!({ "size": 1, "multiattach": true }), 400),
    ]
}

fn malformed_changes(volume: &str) -> Vec<Bad> {
    let path = format!("/volumes/{volume}");
    let action = format!("/volumes/{volume}/action");
    let act = |what, body| json_body(what, Method::POST, &action, body, 400);
    let unknown = "/volumes/2ccc2ab1-5a91-4a8f-9b8c-7ac8ba2f8b3c";
    vec![
        json_body(
            "an update with an unknown key",
            Method::PUT,
            &path,
            json!({ "volume": { "size": 2 } }),
            400,
        ),
        json_body(
            "an update with a long name",
            Method::PUT,
            &path,
            json!({ "volume": { "name": "x".repeat(256) } }),
            400,
        ),
        json_body(
            "null metadata values",
            Method::PUT,
            &path,
            json!({ "volume": { "metadata": { "k": null } } }),
            400,
        ),
        json_body(
            "metadata without its key",
            Method::POST,
            &format!("{path}/metadata"),
            json!({}),
            400,
        ),
        json_body(
            "a metadata item of two",
            Method::PUT,
            &format!("{path}/metadata/a"),
            json!({ "meta": { "a": "1", "b": "2" } }),
            400,
        ),
        bad(
            "an unknown metadata key",
            Method::DELETE,
            &format!("{path}/metadata/none"),
            Body::None,
            404,
        ),
        bad("an unknown volume", Method::DELETE, unknown, Body::None, 404),
        bad("an id that is no id", Method::GET, "/volumes/not-an-id", Body::None, 404),
        json_body(
            "an unknown volume's update",
            Method::PUT,
            unknown,
            json!({ "volume": { "name": "n" } }),
            404,
        ),
        json_body(
            "an unknown volume's action",
            Method::POST,
            &format!("{unknown}/action"),
            json!({ "os-extend": { "new_size": 2 } }),
            404,
        ),
        act("an action that is none", json!({ "os-dance": {} })),
        act(
            "two actions at once",
            json!({ "os-extend": { "new_size": 2 }, "os-force_delete": null }),
        ),
        act("no action", json!({})),
        act("an extend without its size", json!({ "os-extend": {} })),
        act("an extend that is null", json!({ "os-extend": null })),
        act("an extend to a negative size", json!({ "os-extend": { "new_size": -5 } })),
        act("an extend to a text", json!({ "os-extend": { "new_size": "big" } })),
        act(
            "an extend to an absurd size",
            json!({ "os-extend": { "new_size": 9_999_999_999_i64 } }),
        ),
        act("an extend with an unknown key", json!({ "os-extend": { "new_size": 2, "x": 1 } })),
    ]
}

fn malformed_decisions() -> Vec<Bad> {
    let put = |what, action: &str, body| {
        json_body(what, Method::PUT, &format!("/os-services/{action}"), body, 400)
    };
    let mut bad = vec![
        put("enable without a host", "enable", json!({ "binary": "cinder-volume" })),
        put(
            "enable with a null host",
            "enable",
            json!({ "host": null, "binary": "cinder-volume" }),
        ),
        put("enable without a binary", "enable", json!({ "host": "host@a" })),
        put(
            "enable with an unknown key",
            "enable",
            json!({ "host": "host@a", "binary": "cinder-volume", "x": 1 }),
        ),
        put("disable without a host", "disable", json!({ "binary": "cinder-volume" })),
        put(
            "disable with a host that is a number",
            "disable",
            json!({ "host": 1, "binary": "cinder-volume" }),
        ),
        put(
            "a reason without a host",
            "disable-log-reason",
            json!({ "binary": "cinder-volume", "disabled_reason": "r" }),
        ),
        put(
            "no reason",
            "disable-log-reason",
            json!({ "host": "host@a", "binary": "cinder-volume" }),
        ),
        put(
            "a null reason",
            "disable-log-reason",
            json!({ "host": "host@a", "binary": "cinder-volume", "disabled_reason": null }),
        ),
        put(
            "a blank reason",
            "disable-log-reason",
            json!({ "host": "host@a", "binary": "cinder-volume", "disabled_reason": "  " }),
        ),
        put(
            "a long reason",
            "disable-log-reason",
            json!({ "host": "host@a", "binary": "cinder-volume", "disabled_reason": "x".repeat(256) }),
        ),
    ];
    for action in ["freeze", "thaw"] {
        bad.push(put("no host", action, json!({})));
        bad.push(put("a null host", action, json!({ "host": null })));
        bad.push(put("an empty host", action, json!({ "host": "" })));
        bad.push(put("a long host", action, json!({ "host": "h".repeat(256) })));
        bad.push(put("a host with odd letters", action, json!({ "host": "h;drop table volumes" })));
        bad.push(put(
            "a host and a cluster",
            action,
            json!({ "host": "host@a", "cluster": "c@a" }),
        ));
        bad.push(put("an unknown host", action, json!({ "host": "host@nowhere" })));
        bad.push(put("a pool in place of a host", action, json!({ "host": "host@a#a" })));
        bad.push(put("an unknown key", action, json!({ "host": "host@a", "force": true })));
        bad.push(bad_body(action));
    }
    for action in ["enable", "disable"] {
        let body = json!({ "host": "host@nowhere", "binary": "cinder-volume" });
        bad.push(json_body(
            "an unknown host",
            Method::PUT,
            &format!("/os-services/{action}"),
            body,
            404,
        ));
        let body = json!({ "host": "host@a", "binary": "cinder-oven" });
        bad.push(json_body(
            "an unknown binary",
            Method::PUT,
            &format!("/os-services/{action}"),
            body,
            404,
        ));
    }
    bad
}

fn bad_body(action: &str) -> Bad {
    bad("no body", Method::PUT, &format!("/os-services/{action}"), Body::None, 400)
}

fn malformed_addresses(volume: &str) -> Vec<Bad> {
    let path = format!("/volumes/{volume}");
    vec![
        bad("an unknown address", Method::GET, "/volume", Body::None, 404),
        bad("an unknown version", Method::GET, "!/v2/volumes", Body::None, 404),
        bad("an unsupported method", Method::PATCH, &path, Body::None, 404),
        bad("an unsupported method of a list", Method::PUT, "/volumes", Body::None, 404),
        bad("an unknown decision", Method::PUT, "/os-services/explode", Body::None, 404),
        bad(
            "another project in the address",
            Method::GET,
            "!/v3/somebody/volumes",
            Body::None,
            400,
        ),
        bad("a negative page", Method::GET, "/volumes?limit=-1", Body::None, 400),
        bad("a page in words", Method::GET, "/volumes?limit=ten", Body::None, 400),
        bad("a negative offset", Method::GET, "/volumes?offset=-1", Body::None, 400),
        bad("an absurd offset", Method::GET, "/volumes?offset=99999999999", Body::None, 400),
        bad(
            "an unknown marker",
            Method::GET,
            "/volumes?marker=2ccc2ab1-5a91-4a8f-9b8c-7ac8ba2f8b3c",
            Body::None,
            404,
        ),
        bad("a marker that is no id", Method::GET, "/volumes?marker=x", Body::None, 404),
        bad("an unknown sort key", Method::GET, "/volumes?sort=shoe_size", Body::None, 400),
        bad("an unknown sort direction", Method::GET, "/volumes?sort=size:up", Body::None, 400),
        bad(
            "two ways of sorting",
            Method::GET,
            "/volumes?sort=size&sort_key=size",
            Body::None,
            400,
        ),
        bad("a bootable that is none", Method::GET, "/volumes?bootable=perhaps", Body::None, 400),
        bad(
            "an unknown time comparison",
            Method::GET,
            "/volumes?created_at=about:2026-01-01T00:00:00",
            Body::None,
            400,
        ),
        bad("a time that is none", Method::GET, "/volumes?created_at=gt:soon", Body::None, 400),
    ]
}

fn malformed_versions() -> Vec<Bad> {
    [
        ("volume 3", 400),
        ("volume 3.x", 400),
        ("volume", 400),
        ("compute 2.1", 400),
        ("volume 3.01", 400),
        ("volume 3.72", 406),
        ("volume 2.9", 406),
    ]
    .into_iter()
    .map(|(version, status)| Bad {
        version,
        ..bad("a bad version", Method::GET, "/volumes", Body::None, status)
    })
    .collect()
}

#[tokio::test]
async fn bad_input_gets_cinders_code_and_fault_and_changes_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.create_volume(json!({ "size": 1, "name": "untouched" })).await?;
    client.wait_for_status(&volume, "available").await?;
    let rows = "select jsonb_build_object('v', (select jsonb_agg(to_jsonb(v)) from volumes v), \
        'b', (select jsonb_agg(to_jsonb(b) - 'seen_at' - 'report') from backends b), \
        'o', (select count(*) from operations))::text";
    let database = cluster.database().await?;
    let before: String = database.query_one(rows, &[]).await?.get(0);

    let all = malformed_bodies(&volume)
        .into_iter()
        .chain(malformed_volumes())
        .chain(malformed_changes(&volume))
        .chain(malformed_decisions())
        .chain(malformed_addresses(&volume))
        .chain(malformed_versions());
    let mut wrong = Vec::new();
    for bad in all {
        let answer = send(&client, &bad).await?;
        let fault = &answer.body[fault_key(bad.status)];
        let well_formed = fault["code"] == bad.status
            && fault["message"].as_str().is_some_and(|text| !text.is_empty());
        if answer.status != bad.status || !well_formed {
            wrong.push(format!(
                "{} ({} {}): expected {}, got {} {}",
                bad.what, bad.method, bad.path, bad.status, answer.status, answer.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after: String = database.query_one(rows, &[]).await?.get(0);
    assert_eq!(before, after);
    cluster.finish(&[]).await
}
