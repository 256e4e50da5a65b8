//! Words that an interface of ours knows: an enum here, its text on the bus.

/// Defines an enum whose values are words on the bus.
///
/// It is a `s` there, and the same text in files and JSON; a word that is none of them is refused when it is read. It can be
/// used where its text can.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The one of a word, if there is one.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, word: &str) -> bool {
                self.as_str() == word
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, word: &&str) -> bool {
                self.as_str() == *word
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl zbus::Type for $name {
            const SIGNATURE: &'static zbus::Signature = <&str>::SIGNATURE;
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = $crate::words::word(deserializer)?;
                let unknown = || serde::de::Error::custom($crate::words::unknown(&word));
                Self::parse(&word).ok_or_else(unknown)
            }
        }
    };
}

pub(crate) use words;

/// Longest word that is repeated in an error, characters.
const REPEATED: usize = 40;

/// Reads a word; longer texts than any word are cut.
pub(crate) fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a word")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.chars().take(REPEATED).collect())
        }
    }
    deserializer.deserialize_str(Visitor)
}

/// What is wrong with a word that is none.
pub(crate) fn unknown(word: &str) -> String {
    format!("{word:?} is no word of this interface")
}

#[cfg(test)]
mod tests {
    words! {
        /// Some.
        Some2 {
            /// Nothing yet.
            Empty = "",
            /// Two words.
            TwoWords = "two words",
        }
    }

    #[test]
    fn words_go_both_ways_and_others_are_refused() {
        for known in Some2::ALL {
            let text = serde_json::to_string(known).unwrap();
            assert_eq!(text, format!("{:?}", known.as_str()));
            assert_eq!(serde_json::from_str::<Some2>(&text).unwrap(), *known);
        }
        assert_eq!(&*Some2::TwoWords, "two words");
        let endless = format!("\"{}\"", "x".repeat(10_000));
        let error = serde_json::from_str::<Some2>(&endless).unwrap_err().to_string();
        assert!(error.contains("is no word") && error.len() < 200, "{error}");
    }
}
