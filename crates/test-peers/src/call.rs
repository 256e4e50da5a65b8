//! One call as roles see it, and what they make of it.

use std::fmt::Write as _;
use zbus::message::Header;
use zbus::{DynamicType, Message, Variant};

/// A method call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The object.
    pub path: &'a str,
    /// The interface; empty when the caller named none.
    pub interface: &'a str,
    /// The method.
    pub member: &'a str,
    /// For the reply.
    pub header: &'a Header<'a>,
    /// The arguments.
    pub arguments: &'a [Variant<'a>],
}

/// What a call causes.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The reply, unless the call is never answered.
    pub reply: Option<Message>,
    /// What goes out before it.
    pub signals: Vec<Message>,
    /// What goes out after it.
    pub later: Vec<Message>,
    /// An image whose installer asks others at its end, after all of that.
    pub installed: Option<String>,
}

impl Answer {
    /// No answer, ever.
    pub(crate) fn none() -> Self {
        Self { reply: None, signals: Vec::new(), later: Vec::new(), installed: None }
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The error's name on the bus.
    pub name: &'static str,
    /// For people.
    pub text: String,
}

/// What became of a call.
pub(crate) type Outcome = Result<Answer, Refusal>;

impl Call<'_> {
    /// A reply and nothing else.
    pub(crate) fn reply<B: serde::Serialize + DynamicType>(&self, body: &B) -> Outcome {
        self.reply_after(Vec::new(), body)
    }

    /// A reply after signals.
    pub(crate) fn reply_after<B>(&self, signals: Vec<Message>, body: &B) -> Outcome
    where
        B: serde::Serialize + DynamicType,
    {
        let reply = Some(Message::method_return(self.header).build(body)?);
        Ok(Answer { reply, signals, later: Vec::new(), installed: None })
    }

    /// An argument as a text; empty when it is none.
    pub(crate) fn text(&self, index: usize) -> Result<&str, Refusal> {
        let argument = self.arguments.get(index);
        argument.and_then(|argument| argument.downcast_ref().ok()).ok_or_else(|| Refusal {
            name: "org.freedesktop.DBus.Error.InvalidArgs",
            text: format!("argument {index} of {} is no text", self.member),
        })
    }

    /// The refusal of what is not there.
    pub(crate) fn unknown(&self) -> Refusal {
        Refusal {
            name: "org.freedesktop.DBus.Error.UnknownMethod",
            text: format!("{} has no {}.{}", self.path, self.interface, self.member),
        }
    }

    /// A line for whoever counts: object, interface and method, arguments in GVariant's text format.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}.{}", self.path, self.interface, self.member);
        for argument in self.arguments {
            // Writing to a string does not fail.
            let _ = write!(line, " {argument}");
        }
        line.replace('\n', "\\n")
    }
}

impl From<zbus::Error> for Refusal {
    fn from(error: zbus::Error) -> Self {
        Self { name: "org.freedesktop.DBus.Error.InvalidArgs", text: error.to_string() }
    }
}
