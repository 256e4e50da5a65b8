//! The content of a `Notify`: read from the wire, and laid out for the C twin.

use anyhow::{Context, Result, bail, ensure};

/// Objects of a notification, in the order of the wire.
pub type Objects = Vec<(String, Vec<(String, Vec<(String, Value)>)>)>;

/// A property's value with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `b q u t x`, with the bits of the latter as they are.
    Number(char, u64),
    /// `s`
    Text(String),
    /// `ay`
    Bytes(Vec<u8>),
    /// `as`
    Texts(Vec<String>),
}

/// Decodes a message body of signature `a{oa{sa{sv}}}` in little-endian order.
pub fn decode(body: &[u8]) -> Result<Objects> {
    let mut reader = Reader { body, position: 0 };
    let objects = reader.array(8, |reader| {
        reader.align(8)?;
        let path = reader.text()?;
        let interfaces = reader.array(8, |reader| {
            reader.align(8)?;
            let interface = reader.text()?;
            let properties = reader.array(8, |reader| {
                reader.align(8)?;
                Ok((reader.text()?, reader.variant()?))
            })?;
            Ok((interface, properties))
        })?;
        Ok((path, interfaces))
    })?;
    ensure!(reader.position == body.len(), "{} bytes follow the notification", body.len() - reader.position);
    Ok(objects)
}

/// The file that `notify-twin.c` describes.
pub fn for_twin(objects: &Objects) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    for (path, interfaces) in objects {
        item(&mut file, 'O', path.as_bytes())?;
        for (interface, properties) in interfaces {
            item(&mut file, 'I', interface.as_bytes())?;
            for (name, value) in properties {
                item(&mut file, 'P', name.as_bytes())?;
                value_items(&mut file, value)?;
            }
        }
    }
    Ok(file)
}

fn value_items(file: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::Number(tag, number) => item(file, *tag, &number.to_le_bytes()),
        Value::Text(text) => item(file, 's', text.as_bytes()),
        Value::Bytes(bytes) => item(file, 'y', bytes),
        Value::Texts(texts) => {
            item(file, 'a', &u64::try_from(texts.len())?.to_le_bytes())?;
            texts.iter().try_for_each(|text| item(file, 's', text.as_bytes()))
        }
    }
}

fn item(file: &mut Vec<u8>, tag: char, bytes: &[u8]) -> Result<()> {
    file.push(u8::try_from(tag)?);
    file.extend(u32::try_from(bytes.len())?.to_le_bytes());
    file.extend(bytes);
    file.push(0);
    Ok(())
}

struct Reader<'a> {
    body: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(length).context("length overflows")?;
        let bytes =
            self.body.get(self.position..end).with_context(|| format!("body ends before byte {end}"))?;
        self.position = end;
        Ok(bytes)
    }

    fn align(&mut self, to: usize) -> Result<()> {
        let padding = self.position.next_multiple_of(to) - self.position;
        self.take(padding).map(drop)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.align(N)?;
        Ok(self.take(N)?.try_into()?)
    }

    fn length(&mut self) -> Result<usize> {
        Ok(usize::try_from(u32::from_le_bytes(self.fixed()?))?)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        self.take(1)?;
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    fn array<T>(&mut self, align: usize, mut element: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let length = self.length()?;
        self.align(align)?;
        let end = self.position.checked_add(length).context("length overflows")?;
        let mut elements = Vec::new();
        while self.position < end {
            elements.push(element(self)?);
        }
        ensure!(self.position == end, "an array's last element passes its end at {end}");
        Ok(elements)
    }

    fn variant(&mut self) -> Result<Value> {
        let length = self.take(1)?.first().copied().map_or(0, usize::from);
        let signature = std::str::from_utf8(self.take(length)?)?.to_owned();
        self.take(1)?;
        Ok(match signature.as_str() {
            "b" | "u" => Value::Number(
                if signature == "b" { 'b' } else { 'u' },
                u32::from_le_bytes(self.fixed()?).into(),
            ),
            "q" => Value::Number('q', u16::from_le_bytes(self.fixed()?).into()),
            "t" => Value::Number('t', u64::from_le_bytes(self.fixed()?)),
            "x" => Value::Number('x', u64::from_le_bytes(self.fixed()?)),
            "s" => Value::Text(self.text()?),
            "ay" => {
                let length = self.length()?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            "as" => Value::Texts(self.array(4, Self::text)?),
            other => bail!("no inventory property has the type {other}"),
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// One of each type, an interface without properties, and two objects.
    pub fn sample() -> Objects {
        let properties = vec![
            ("Present".to_owned(), Value::Number('b', 1)),
            ("Short".to_owned(), Value::Number('q', 9)),
            ("Word".to_owned(), Value::Number('u', 7)),
            ("Size".to_owned(), Value::Number('t', 1 << 40)),
            ("Time".to_owned(), Value::Number('x', u64::MAX)),
            ("PrettyName".to_owned(), Value::Text("Backplane".to_owned())),
            ("SN".to_owned(), Value::Bytes(vec![0, 255, 3])),
            ("Names".to_owned(), Value::Texts(vec!["a".to_owned(), String::new()])),
            ("None".to_owned(), Value::Texts(Vec::new())),
        ];
        let marker = ("a.Marker".to_owned(), Vec::new());
        vec![
            ("/one".to_owned(), vec![("a.All".to_owned(), properties), marker]),
            ("/two".to_owned(), Vec::new()),
        ]
    }

    #[test]
    fn a_body_is_decoded_with_its_padding() {
        let mut body = Vec::new();
        body.extend(52_u32.to_le_bytes());
        body.extend([0; 4]);
        body.extend([2, 0, 0, 0, b'/', b'a', 0, 0]);
        body.extend([36, 0, 0, 0, 0, 0, 0, 0]);
        body.extend([1, 0, 0, 0, b'i', 0, 0, 0]);
        body.extend([20, 0, 0, 0, 0, 0, 0, 0]);
        body.extend([1, 0, 0, 0, b'p', 0]);
        body.extend([2, b'a', b'y', 0, 0, 0, 2, 0, 0, 0, 5, 6]);
        // Element data: the array of properties spans 18 bytes; lengths above are patched to match.
        let properties = u32::try_from(body.len() - 40).unwrap();
        body[32..36].copy_from_slice(&properties.to_le_bytes());
        let interfaces = u32::try_from(body.len() - 24).unwrap();
        body[16..20].copy_from_slice(&interfaces.to_le_bytes());
        let objects = u32::try_from(body.len() - 8).unwrap();
        body[0..4].copy_from_slice(&objects.to_le_bytes());
        let expected =
            vec![("/a".to_owned(), vec![("i".to_owned(), vec![("p".to_owned(), Value::Bytes(vec![5, 6]))])])];
        assert_eq!(decode(&body).unwrap(), expected);
        for cut in 0..body.len() {
            assert!(decode(&body[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_twins_file_is_a_row_of_tagged_items() {
        let objects = vec![(
            "/a".to_owned(),
            vec![("i".to_owned(), vec![("p".to_owned(), Value::Texts(vec!["x".to_owned()]))])],
        )];
        let file = for_twin(&objects).unwrap();
        assert_eq!(
            file,
            b"O\x02\0\0\0/a\0I\x01\0\0\0i\0P\x01\0\0\0p\0a\x08\0\0\0\x01\0\0\0\0\0\0\0\0s\x01\0\0\0x\0"
        );
    }
}
