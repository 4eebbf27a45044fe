//! Ids of tasks: sealed on their way to a client, bare on their way to a server.

use std::sync::Arc;

use crate::mcp::{
    Bared, Era, Framing, ListFilter, NamePolicy, Need, NoTask, Owned, ServerPolicy, bare_tasks, is_open_task_method,
};
use crate::types::{Memory, ScopeBits};

/// Somebody whose tasks begin with an `a`.
#[derive(Debug)]
struct Ada {
    makes: bool,
}

impl Owned for Ada {
    fn is_own(&self, id: &str) -> bool {
        id.starts_with('a')
    }

    fn made(&self, id: &str) {
        assert!(self.makes && id.starts_with('a'), "{id} was made");
    }

    fn makes(&self) -> bool {
        self.makes
    }

    fn sealed(&self, id: &str) -> Option<String> {
        (id != "a-long").then(|| format!("{id}.ok"))
    }
}

fn filter(makes: bool, framing: Framing) -> ListFilter {
    let policy = ServerPolicy::for_tools(ScopeBits::NONE, NamePolicy::uniform(Need::Scopes(ScopeBits::NONE)));
    let policy = Arc::new(ServerPolicy { tasks: true, ..policy });
    ListFilter::new(policy, ScopeBits::NONE, Era::Legacy, framing, &Memory::unlimited()).tasks(Some(Arc::new(Ada { makes })))
}

fn to_client(message: &str) -> String {
    let mut filter = filter(message.contains("\"new\""), Framing::Json);
    assert!(filter.push(message.as_bytes()).unwrap().is_empty());
    String::from_utf8(filter.finish().unwrap().to_vec()).unwrap()
}

#[test]
fn what_a_server_says_is_sealed_wherever_it_names_a_task() {
    for (said, heard) in [
        (
            r#"{"id":"new","result":{"task":{"taskId":"a1","ttl":1.50}}}"#,
            r#"{"id":"new","result":{"task":{"taskId":"a1.ok","ttl":1.50}}}"#,
        ),
        (
            r#"{"id":"new","result":{"resultType":"task","taskId":"a1"}}"#,
            r#"{"id":"new","result":{"resultType":"task","taskId":"a1.ok"}}"#,
        ),
        (r#"{"id":1,"result":{"taskId":"\u0061"}}"#, r#"{"id":1,"result":{"taskId":"a.ok"}}"#),
        (
            r#"{"id":1,"result":{"content":[{"taskId":"a"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}}}}"#,
            r#"{"id":1,"result":{"content":[{"taskId":"a"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a.ok"}}}}"#,
        ),
        (
            r#"{"id":1,"result":{"tasks":[{"taskId":"a"},{"taskId":"b"},{"x":1},7,{"taskId":"a2","y":[]}]}}"#,
            r#"{"id":1,"result":{"tasks":[{"taskId":"a.ok"},{"taskId":"a2.ok","y":[]}]}}"#,
        ),
        (
            r#"{"method":"notifications/tasks/status","params":{"taskId":"a","status":"working"}}"#,
            r#"{"method":"notifications/tasks/status","params":{"taskId":"a.ok","status":"working"}}"#,
        ),
        (
            r#"{"id":9,"method":"elicitation/create","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}}}}"#,
            r#"{"id":9,"method":"elicitation/create","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a.ok"}}}}"#,
        ),
    ] {
        assert_eq!(to_client(said), heard);
    }
    for passes in [
        r#"{"id":1,"result":{"taskId":"b"}}"#,
        r#"{"id":1,"result":{"taskId":"a-long"}}"#,
        // The server asks for a task that the client keeps.
        r#"{"id":2,"method":"tasks/get","params":{"taskId":"a"}}"#,
        r#"{"id":1,"result":{"content":[{"type":"text","text":"a"}],"taskId":7}}"#,
        r#"{"id":1,"error":{"code":1,"message":"a","data":{"taskId":"a"}}}"#,
    ] {
        assert_eq!(to_client(passes), passes);
    }
}

#[test]
fn a_stream_does_not_tell_of_the_tasks_of_others() {
    let mut filter = filter(false, Framing::Sse);
    let tells =
        |id: &str| format!("id: 4\ndata: {{\"method\":\"notifications/tasks/status\",\"params\":{{\"taskId\":\"{id}\"}}}}\n\n");
    let out = filter.push(format!("{}{}", tells("b"), tells("a")).as_bytes()).unwrap();
    assert_eq!(String::from_utf8(out.to_vec()).unwrap(), format!("id: 4\n\n{}", tells("a.ok")), "its id still counts");
}

#[test]
fn what_a_client_says_is_bared_where_it_is_the_clients_own() {
    let opened = |sealed: &str| sealed.strip_suffix(".ok").map(str::to_owned);
    let bare = |body: &str| bare_tasks(body, &opened);
    for (said, heard) in [
        (
            r#"{"id":1,"method":"tasks/get","params":{ "taskId" : "a.ok"}}"#,
            r#"{"id":1,"method":"tasks/get","params":{ "taskId" : "a"}}"#,
        ),
        (
            r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["a.ok"]}}}"#,
            r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["a"]}}}"#,
        ),
        (
            r#"{"id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a.ok"}}}}"#,
            r#"{"id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}}}}"#,
        ),
    ] {
        assert_eq!(bare(said), Ok(Bared { body: Some(heard.to_owned()), named: vec!["a".to_owned()] }));
    }
    for passes in [
        r#"{"id":1,"method":"tasks/list"}"#,
        r#"{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"taskId":"b"}}}"#,
        // Of a task that the client keeps.
        r#"{"id":1,"result":{"task":{"taskId":"b"}}}"#,
        r#"{"id":1,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"b"}}}}"#,
        r#"{"method":"notifications/progress","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"b"}}}}"#,
    ] {
        assert_eq!(bare(passes), Ok(Bared::default()), "{passes}");
    }
    for refused in [
        r#"{"id":1,"method":"tasks/get","params":{"taskId":"a"}}"#,
        r#"{"id":1,"method":"tasks/get","params":{"taskId":7}}"#,
        r#"{"id":1,"method":"tasks/get","params":{}}"#,
        r#"{"id":1,"method":"tasks/get"}"#,
        r#"{"method":"tasks/cancel","params":{"taskId":"a"}}"#,
        r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"taskIds":["a.ok","b"]}}}"#,
        r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"taskIds":"a"}}}"#,
        r#"{"id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"b"}}}}"#,
    ] {
        assert_eq!(bare(refused), Err(NoTask), "{refused}");
    }
    assert!(is_open_task_method("tasks/get") && !is_open_task_method("tasks/purge"));
}

#[test]
fn an_offer_is_taken_back_wherever_it_stands() {
    let policy = Arc::new(ServerPolicy::for_tools(ScopeBits::NONE, NamePolicy::uniform(Need::Scopes(ScopeBits::NONE))));
    for (said, heard) in [
        (r#"{"tasks":{},"tools":{}}"#, r#"{"tools":{}}"#),
        (r#"{"tools":{} , "tasks" : {"a":[1]} }"#, r#"{"tools":{} }"#),
        (r#"{"tasks":{}}"#, r"{}"),
        (r#"{"ta\u0073ks":{},"x\"":1}"#, r#"{"x\"":1}"#),
        (r#"{"x\\":1,"tasks":null}"#, r#"{"x\\":1}"#),
        (r#"{"extensions":{"a":{},"io.modelcontextprotocol/tasks":{}},"tasks":{}}"#, r#"{"extensions":{"a":{}}}"#),
        (r#"{"tools":{"tasks":{}}}"#, r#"{"tools":{"tasks":{}}}"#),
    ] {
        let mut filter = ListFilter::new(Arc::clone(&policy), ScopeBits::NONE, Era::Legacy, Framing::Json, &Memory::unlimited());
        let message = |capabilities: &str| format!(r#"{{"id":1,"result":{{"capabilities":{capabilities}}}}}"#);
        filter.push(message(said).as_bytes()).unwrap();
        assert_eq!(filter.finish().unwrap(), message(heard), "{said}");
    }
}
