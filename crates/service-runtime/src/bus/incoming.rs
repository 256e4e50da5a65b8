//! What of a message's head decides whether the message is taken: pure, on the bytes as they come from the bus.
//!
//! The bus has checked the message already. What is not understood all the same costs that message, never the connection.

use super::Accepts;
use std::fmt::Debug;
use std::num::NonZeroU32;

/// Bytes of a message's head that every message has: they say how long the rest is.
pub(super) const PRIMARY: usize = 16;
/// Longest head that is looked at, bytes. Of its fields only the object path has no limit of its own, and no service has an
/// object whose path is a tenth of this.
pub(super) const LONGEST_HEAD: usize = 64 * 1024;
/// Longest message that D-Bus has, bytes.
const LONGEST: usize = 128 * 1024 * 1024;

/// Who the bus itself is; it puts every message's sender in itself.
const BUS: &[u8] = b"org.freedesktop.DBus";

/// Codes of header fields, and of message types.
mod code {
    pub const INTERFACE: u8 = 2;
    pub const MEMBER: u8 = 3;
    pub const ERROR_NAME: u8 = 4;
    pub const REPLY_SERIAL: u8 = 5;
    pub const DESTINATION: u8 = 6;
    pub const SENDER: u8 = 7;
    pub const UNIX_FDS: u8 = 9;
    pub const CALL: u8 = 1;
    pub const RETURN: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const SIGNAL: u8 = 4;
}

/// The flag of a call that wants no reply.
const NO_REPLY_EXPECTED: u8 = 1;

/// Hears of calls and answers, for a service that counts what its clients have not read.
pub(super) trait Watch: Debug + Send + Sync {
    /// A call has come, with its number if it wants a reply; whether it is taken.
    fn takes(&self, client: &str, call: Option<NonZeroU32>) -> bool;
    /// A call that wants a reply is handed on.
    fn taken(&self, client: &str, call: NonZeroU32);
    /// A client has answered a call; whether the answer is for the watch alone.
    fn answered(&self, client: &str, call: NonZeroU32) -> bool;
    /// The bus has answered a call with an error; whether that is for the watch alone.
    fn failed(&self, call: NonZeroU32, error: &str) -> bool;
    /// The bus has sent a message with this number.
    fn bus_has_spoken(&self, serial: usize);
    /// A reply was sent, of so many bytes.
    fn sent(&self, client: &str, call: NonZeroU32, bytes: usize);
}

/// How long a message is, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    /// All but the body, with what pads it.
    pub head: usize,
    /// The body.
    pub body: usize,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handed on. `body` says how many bytes of its body are: all or none.
    Take { body: usize, descriptors: usize },
    /// All of it is passed over.
    Skip(&'static str),
}

/// Reads the first [`PRIMARY`] bytes of a message.
///
/// `None` when they begin no message, so that nothing behind them can be found.
pub(super) fn lengths(primary: &[u8]) -> Option<Lengths> {
    let order = Order::of(primary)?;
    let (body, fields) = (order.number(primary, 4)?, order.number(primary, 12)?);
    let head = PRIMARY.checked_add(fields)?.checked_next_multiple_of(8)?;
    (head.checked_add(body)? <= LONGEST).then_some(Lengths { head, body })
}

/// Judges a message by its whole head, and takes out of the head what is not handed on.
///
/// `carried` is how many descriptors have come with it.
pub(super) fn judge(
    head: &mut [u8],
    body: usize,
    carried: usize,
    accepts: &Accepts,
    watch: Option<&dyn Watch>,
) -> Verdict {
    let Some(fields) = Fields::read(head) else {
        return Verdict::Skip("its header fields are of types that D-Bus does not know");
    };
    let name = |range: &Option<(usize, usize)>| range.and_then(|(from, to)| head.get(from..to));
    let (interface, member) = (name(&fields.interface), name(&fields.member));
    let is = |wanted: &(&str, &str)| {
        member == Some(wanted.1.as_bytes()) && interface.is_none_or(|name| name == wanted.0.as_bytes())
    };
    let kind = head.get(1).copied().unwrap_or_default();
    if kind == code::SIGNAL && fields.destination.is_some() && name(&fields.sender) != Some(BUS) {
        return Verdict::Skip("it is a signal for us alone, which no peer of ours sends");
    }
    if let Some(reason) = watch.and_then(|watch| watched(watch, head, &fields)) {
        return Verdict::Skip(reason);
    }
    let usual = match kind {
        code::CALL => Accepts::SMALL,
        code::SIGNAL => Accepts::SIGNAL,
        // An answer that was asked for: the bus lets no other through. The bus's own are lists of all its clients at most.
        _ if name(&fields.sender) == Some(BUS) => usize::MAX,
        _ => accepts.answers,
    };
    let limit = accepts.large.iter().find(|(wanted, _)| is(wanted)).map_or(usual, |(_, limit)| *limit);
    let takes = kind == code::CALL && accepts.descriptors.iter().any(is);
    let is_complete =
        fields.descriptors.is_some_and(|(_, count)| count <= carried && count <= Accepts::PER_CALL);
    let descriptors = match fields.descriptors {
        Some((_, count)) if takes && is_complete => count,
        Some((at, _)) => {
            clear(head, at);
            0
        }
        None => 0,
    };
    if body > limit {
        clear(head, 4);
        return Verdict::Take { body: 0, descriptors };
    }
    Verdict::Take { body, descriptors }
}

/// Tells the watch of a message; why it is passed over, if it is.
fn watched(watch: &dyn Watch, head: &[u8], fields: &Fields) -> Option<&'static str> {
    let text = |range: Option<(usize, usize)>| {
        range.and_then(|(from, to)| head.get(from..to)).and_then(|name| std::str::from_utf8(name).ok())
    };
    let sender = text(fields.sender)?;
    let serial = Order::of(head)?.number(head, 8)?;
    let is_of_bus = sender.as_bytes() == BUS;
    if is_of_bus {
        watch.bus_has_spoken(serial);
    }
    match *head.get(1)? {
        code::CALL => {
            let wants_reply = *head.get(2)? & NO_REPLY_EXPECTED == 0;
            let serial = u32::try_from(serial).ok().and_then(NonZeroU32::new).filter(|_| wants_reply);
            (!watch.takes(sender, serial)).then_some("its sender does not read our replies")
        }
        code::RETURN | code::ERROR => {
            let call = fields.answered?;
            let is_for_watch = match text(fields.error) {
                Some(error) if is_of_bus => watch.failed(call, error),
                _ => watch.answered(sender, call),
            };
            is_for_watch.then_some("it answers whether its sender has read our replies")
        }
        _ => None,
    }
}

/// Zero is the same in both byte orders.
fn clear(head: &mut [u8], at: usize) {
    if let Some(number) = at.checked_add(4).and_then(|end| head.get_mut(at..end)) {
        number.fill(0);
    }
}

/// Byte order of a message.
#[derive(Debug, Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn of(head: &[u8]) -> Option<Self> {
        match head.first()? {
            b'l' => Some(Self::Little),
            b'B' => Some(Self::Big),
            _ => None,
        }
    }

    fn number(self, bytes: &[u8], at: usize) -> Option<usize> {
        let number = <[u8; 4]>::try_from(bytes.get(at..at.checked_add(4)?)?).ok()?;
        let number = match self {
            Self::Little => u32::from_le_bytes(number),
            Self::Big => u32::from_be_bytes(number),
        };
        usize::try_from(number).ok()
    }
}

/// Where in the head the fields are that matter here.
#[derive(Debug, Default)]
struct Fields {
    interface: Option<(usize, usize)>,
    member: Option<(usize, usize)>,
    destination: Option<(usize, usize)>,
    sender: Option<(usize, usize)>,
    error: Option<(usize, usize)>,
    /// The call that the message answers.
    answered: Option<NonZeroU32>,
    /// Where the number of descriptors stands, and what it is.
    descriptors: Option<(usize, usize)>,
}

impl Fields {
    /// `None` when the fields cannot be walked to their end.
    fn read(head: &[u8]) -> Option<Self> {
        let order = Order::of(head)?;
        let end = PRIMARY.checked_add(order.number(head, 12)?)?;
        let mut fields = Self::default();
        let mut at = PRIMARY;
        while at < end {
            at = at.checked_next_multiple_of(8)?;
            let (code, signature) = (*head.get(at)?, *head.get(at.checked_add(2)?)?);
            // One byte of code, then the signature: its length, one character, a zero byte.
            if *head.get(at.checked_add(1)?)? != 1 {
                return None;
            }
            let value = at.checked_add(4)?;
            let (from, to, next) = match signature {
                b'u' => (value, value.checked_add(4)?, value.checked_add(4)?),
                b's' | b'o' => {
                    let from = value.checked_add(4)?;
                    let to = from.checked_add(order.number(head, value)?)?;
                    (from, to, to.checked_add(1)?)
                }
                b'g' => {
                    let from = value.checked_add(1)?;
                    let to = from.checked_add(usize::from(*head.get(value)?))?;
                    (from, to, to.checked_add(1)?)
                }
                _ => return None,
            };
            if next > end || next > head.len() {
                return None;
            }
            match (code, signature) {
                (code::INTERFACE, b's') => fields.interface = Some((from, to)),
                (code::MEMBER, b's') => fields.member = Some((from, to)),
                (code::ERROR_NAME, b's') => fields.error = Some((from, to)),
                (code::REPLY_SERIAL, b'u') => {
                    let serial = order.number(head, from).and_then(|serial| u32::try_from(serial).ok());
                    fields.answered = serial.and_then(NonZeroU32::new);
                }
                (code::SENDER, b's') => fields.sender = Some((from, to)),
                (code::DESTINATION, b's') => fields.destination = Some((from, to)),
                (code::UNIX_FDS, b'u') => fields.descriptors = Some((from, order.number(head, from)?)),
                _ => {}
            }
            at = next;
        }
        Some(fields)
    }
}

#[cfg(test)]
mod tests;
