use super::*;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Waker};

/// A future that is over when the test says so, and knows whether it was polled.
#[derive(Debug, Clone)]
struct Wire<T> {
    value: Rc<RefCell<Option<T>>>,
    is_sent: Rc<Cell<bool>>,
}

impl<T> Wire<T> {
    fn new() -> Self {
        Self { value: Rc::default(), is_sent: Rc::default() }
    }

    fn brings(&self, value: T) {
        *self.value.borrow_mut() = Some(value);
    }

    fn future(&self) -> impl Future<Output = T> + use<T> {
        let (value, is_sent) = (Rc::clone(&self.value), Rc::clone(&self.is_sent));
        poll_fn(move |_| {
            is_sent.set(true);
            value.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

/// A call with what is around it.
struct Call {
    answer: Wire<u8>,
    silence: Wire<()>,
    behind: Wire<bool>,
}

impl Call {
    fn new() -> Self {
        Self { answer: Wire::new(), silence: Wire::new(), behind: Wire::new() }
    }

    /// Does what comes between, one after the other, and looks at the call after each; tells what came of it, and when.
    fn look(&self, steps: &[&dyn Fn(&Self)]) -> (usize, Poll<Option<u8>>) {
        let mut watched = pin!(watched(self.answer.future(), self.silence.future(), self.behind.future()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(watched.as_mut().poll(&mut context).is_pending());
        for (count, step) in steps.iter().enumerate() {
            step(self);
            if let Poll::Ready(outcome) = watched.as_mut().poll(&mut context) {
                return (count, Poll::Ready(outcome));
            }
        }
        (steps.len(), Poll::Pending)
    }
}

#[test]
fn an_answer_that_comes_in_time_needs_no_call_behind() {
    let call = Call::new();
    assert_eq!(call.look(&[&|call| call.answer.brings(7)]), (0, Poll::Ready(Some(7))));
    assert!(!call.behind.is_sent.get());
}

#[test]
fn a_call_is_dropped_when_the_one_behind_it_is_answered_and_it_is_not() {
    let call = Call::new();
    let quiet = |call: &Call| {
        assert!(!call.behind.is_sent.get());
        call.silence.brings(());
    };
    let outcome =
        call.look(&[&quiet, &|call| assert!(call.behind.is_sent.get()), &|call| call.behind.brings(true)]);
    assert_eq!(outcome, (2, Poll::Ready(None)));
}

#[test]
fn a_slow_manager_is_waited_for() {
    let call = Call::new();
    let quiet = |call: &Call| call.silence.brings(());
    assert_eq!(call.look(&[&quiet, &|_| {}, &|_| {}]), (3, Poll::Pending));
    let call = Call::new();
    assert_eq!(call.look(&[&quiet, &|_| {}, &|call| call.answer.brings(7)]), (2, Poll::Ready(Some(7))));
    // Both answers are there when it is looked: the manager gave them in order.
    let call = Call::new();
    let both = |call: &Call| {
        call.behind.brings(true);
        call.answer.brings(7);
    };
    assert_eq!(call.look(&[&quiet, &both]), (1, Poll::Ready(Some(7))));
}

#[test]
fn a_call_behind_that_fails_says_nothing_of_the_first() {
    let call = Call::new();
    let quiet = |call: &Call| call.silence.brings(());
    let outcome = call.look(&[&quiet, &|call| call.behind.brings(false), &|call| call.answer.brings(7)]);
    assert_eq!(outcome, (2, Poll::Ready(Some(7))));
}

fn notification(paths: &[&'static str]) -> Notification<'static> {
    let object = |path: &&'static str| Object { path: (*path).into(), interfaces: Vec::new() };
    Notification { objects: paths.iter().map(object).collect() }
}

/// How a manager treats what is sent, by the path of the object that is at fault.
fn deliver(
    faulty: &str,
    fault: impl Fn() -> Option<Result<(), CallError>>,
) -> (Vec<String>, Vec<Refusal>, Manner) {
    let (notification, manner) = (notification(&["/a", "/b", "/c"]), Manner::default());
    let mut delivery = Delivery::new(&notification);
    let (mut sent, mut refusals) = (Vec::new(), Vec::new());
    while let Some((path, part)) = delivery.next() {
        let paths: Vec<&str> = part.objects.iter().map(|object| &*object.path).collect();
        sent.push(format!("{} within {:?}", paths.join(" "), manner.patience()));
        let answer = if paths.contains(&faulty) { fault() } else { Some(Ok(())) };
        refusals.extend(delivery.take(path, answer, &manner).unwrap());
    }
    (sent, refusals, manner)
}

#[test]
fn what_is_dropped_goes_object_by_object_without_further_patience() {
    let (sent, refusals, manner) = deliver("/b", || None);
    assert_eq!(sent, ["/a /b /c within 5s", "/a within 0ns", "/b within 0ns", "/c within 0ns"]);
    let refused: Vec<_> = refusals.into_iter().map(|refusal| (refusal.object, refusal.cause)).collect();
    assert_eq!(refused, [(None, Cause::Dropped), (Some("/b".to_owned()), Cause::Dropped)]);
    assert_eq!(manner.patience(), Duration::ZERO);
}

#[test]
fn what_is_refused_goes_object_by_object_and_silence_is_still_waited_for() {
    let refused =
        || Some(Err(CallError::Refused { destination: "a.B", name: "a.Error".into(), text: "no".into() }));
    let (sent, refusals, _) = deliver("/c", refused);
    assert_eq!(sent, ["/a /b /c within 5s", "/a within 5s", "/b within 5s", "/c within 5s"]);
    assert_eq!(refusals.last().unwrap().object.as_deref(), Some("/c"));
    assert_eq!(refusals.last().unwrap().cause.to_string(), "a.Error: no");
    let (sent, refusals, _) = deliver("/d", refused);
    assert!(sent.len() == 1 && refusals.is_empty());
}

#[test]
fn an_inventory_that_is_gone_ends_the_delivery() {
    let notification = notification(&["/a"]);
    let mut delivery = Delivery::new(&notification);
    let (path, _) = delivery.next().unwrap();
    let gone = Some(Err(CallError::Absent { destination: "a.B" }));
    assert!(matches!(delivery.take(path, gone, &Manner::default()), Err(CallError::Absent { .. })));
}
