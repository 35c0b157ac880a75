//! JSON as Python's `json.dumps` writes it with an indentation of two: only ASCII is in it. The keys are in the order of the structures, which
//! is the alphabet's.

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// The text of something.
pub(crate) fn text(of: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let form = InAscii { pretty: PrettyFormatter::new() };
    of.serialize(&mut Serializer::with_formatter(&mut text, form))?;
    Ok(text)
}

struct InAscii {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for InAscii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            // serde_json does not escape this one
            if character.is_ascii() && character != '\x7f' {
                writer.write_all(&[character as u8])?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_is_pythons() {
        let written = text(&json!({ "a": [], "b": ["ü\u{1f600}\"\n", { "c": null }], "d": {} }));
        let expected = "{\n  \"a\": [],\n  \"b\": [\n    \"\\u00fc\\ud83d\\ude00\\\"\\n\",\n    {\n      \"c\": null\n    }\n  ],\n  \"d\": {}\n}";
        assert_eq!(String::from_utf8(written.unwrap()).unwrap(), expected);
    }
}
