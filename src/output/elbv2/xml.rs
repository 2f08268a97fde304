//! XML as clients of the API read it: elements without attributes, one name space, no white space between them.

use std::fmt::{Display, Write as _};

use crate::output::elbv2::error::ApiError;

/// The name space of every answer.
pub const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// A text of elements that is being written.
#[derive(Clone, Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// Writes an element with a text.
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.open(name);
        // Nothing that writes into a string fails.
        _ = write!(Escaped(&mut self.0), "{value}");
        self.close(name);
    }

    /// Writes an element with a text, or nothing.
    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Writes an element with what `inside` writes; `<Name/>` if that is nothing, as clients expect of an empty list.
    pub fn within(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let begin = self.0.len();
        self.open(name);
        let empty = self.0.len();
        inside(self);
        if self.0.len() == empty {
            self.0.truncate(begin);
            self.empty(name);
        } else {
            self.close(name);
        }
    }

    /// Writes an element with nothing in it.
    pub fn empty(&mut self, name: &str) {
        self.0.extend(["<", name, "/>"]);
    }

    /// Writes a list, each of its members by `one`.
    pub fn list<T>(&mut self, name: &str, members: impl IntoIterator<Item = T>, one: impl Fn(&mut Self, T)) {
        self.within(name, |xml| {
            members.into_iter().for_each(|member| xml.within("member", |xml| one(xml, member)))
        });
    }

    /// Writes the beginning of an element, for who writes the rest in pieces.
    pub fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    /// Writes the end of an element.
    pub fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }

    /// Writes what is XML already.
    pub fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The beginning of an answer to `action`, up to what its result holds.
#[must_use]
pub fn head(action: &str) -> String {
    format!("<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>")
}

/// The rest of an answer to `action`.
#[must_use]
pub fn tail(action: &str, request_id: &str) -> String {
    format!("</{action}Result>{}", metadata(action, request_id))
}

/// A whole answer to `action` whose result holds `inside`. The result is there even if it is empty: clients fail without.
#[must_use]
pub fn answer(action: &str, request_id: &str, inside: &str) -> String {
    match inside {
        "" => {
            let head = format!("<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result/>");
            head + &metadata(action, request_id)
        }
        _ => head(action) + inside + &tail(action, request_id),
    }
}

fn metadata(action: &str, request_id: &str) -> String {
    format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>")
}

/// An error as an answer.
#[must_use]
pub fn refusal(error: &ApiError, request_id: &str) -> String {
    let mut xml = Xml::default();
    xml.raw(&format!("<ErrorResponse xmlns=\"{NAMESPACE}\">"));
    xml.within("Error", |xml| {
        xml.text("Type", error.blames());
        xml.text("Code", error.code);
        xml.text("Message", &error.message);
    });
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.into_text()
}

/// Escapes what is written into it, for the text of an element.
struct Escaped<'a>(&'a mut String);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let instead = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                // Readers take a bare one for a line feed (XML 1.0, section 2.11).
                '\r' => "&#13;",
                '\t' | '\n' => continue,
                // Not even as a reference (XML 1.0, section 2.2).
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
                _ => continue,
            };
            self.0.push_str(&text[plain..at]);
            self.0.push_str(instead);
            plain = at + character.len_utf8();
        }
        self.0.push_str(&text[plain..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_replaced() {
        let mut xml = Xml::default();
        xml.text("P", "/a?x=1&y=<2>\r\n\t\"'é🐙\0\u{1b}\u{ffff}");
        assert_eq!(xml.into_text(), "<P>/a?x=1&amp;y=&lt;2&gt;&#13;\n\t\"'é🐙\u{fffd}\u{fffd}\u{fffd}</P>");
    }

    #[test]
    fn what_is_absent_is_left_out_and_an_empty_list_is_not() {
        let mut xml = Xml::default();
        xml.within("Group", |xml| {
            xml.maybe("A", Some(1));
            xml.maybe("B", None::<u16>);
            xml.list("None", [""; 0], |xml, text| xml.text("T", text));
            xml.list("Two", ["x", "y"], |xml, text| xml.raw(text));
        });
        assert_eq!(
            xml.into_text(),
            "<Group><A>1</A><None/><Two><member>x</member><member>y</member></Two></Group>"
        );
    }

    #[test]
    fn an_answer_has_a_result_even_if_nothing_is_in_it() {
        let whole = answer("AddTags", "id", "");
        assert_eq!(
            whole,
            "<AddTagsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><AddTagsResult/>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></AddTagsResponse>"
        );
        assert!(answer("AddTags", "id", "<A/>").contains("<AddTagsResult><A/></AddTagsResult>"));
    }
}
