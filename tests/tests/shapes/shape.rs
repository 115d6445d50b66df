//! One combination of pieces, and the two modules that are made of it.

use std::fmt;

use crate::axes::{Arguments, Fails, Generics, Needs, Place, Receiver, Returns};

/// A combination.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) place: Place,
    pub(crate) receiver: &'static Receiver,
    pub(crate) arguments: &'static Arguments,
    pub(crate) generics: &'static Generics,
    pub(crate) returns: &'static Returns,
    pub(crate) error: &'static Fails,
    pub(crate) attributes: (&'static str, &'static str),
    pub(crate) lints: &'static str,
    pub(crate) visibility: &'static str,
    pub(crate) options: &'static str,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (above, below) = self.attributes;
        write!(
            f,
            "{:?}, receiver `{}`, {}, {}, returns `{}`, {above} _ {below}, lints {}, `{}`, {}",
            self.place,
            self.receiver.written,
            self.arguments.name,
            self.generics.name,
            self.error.written.replace("OK", self.returns.name),
            self.lints.get(..30).unwrap_or(self.lints),
            self.visibility,
            self.options,
        )
    }
}

impl Shape {
    /// Whether there can be a plain function of this shape. Everything else has to compile.
    pub(crate) fn is_possible(&self) -> bool {
        let place = self.place;
        let receiver = self.receiver.written;
        let is_generic_macro = place == Place::MadeByAMacro && !self.generics.parameters.is_empty();
        // An async fn that keeps `self` of an unknown size.
        let unsized_self = place.is_provided()
            && self.receiver.written.ends_with("self")
            && !receiver.contains('&');
        // Below `#[async_trait]`, generic methods keep a trait from having objects; and futures are `Send`.
        let boxed = !place.is_below_async_trait()
            || self.is_send() && receiver != "self: &Arc<Self>" && receiver != "self: Pin<&Self>";
        let borrows = receiver.contains('&');
        let elided = usize::from(borrows)
            + self.arguments.elided
            + usize::from(
                self.generics.written.contains('&') && !self.generics.parameters.contains("'a"),
            );
        let returned = match self.returns.needs {
            Needs::Nothing => true,
            Needs::T => self.generics.has_t || place == Place::GenericImpl,
            Needs::SelfType => matches!(place, Place::Impl | Place::GenericImpl),
            // `self: &Arc<Self>` and the like lend no lifetime to others.
            Needs::Elision => {
                receiver == "&self"
                    || receiver.is_empty() && elided == 1 && self.generics.parameters != "<'a>"
            }
            Needs::Named => {
                self.generics.parameters == "<'a>"
                    && receiver.is_empty()
                    && !place.is_below_async_trait()
            }
        };
        // `#[async_trait]` gives patterns other names, which the key would have to use.
        let renamed = place.is_below_async_trait()
            && ["a tuple pattern", "a struct pattern", "unnamed"].contains(&self.arguments.name);
        let twice_t = place == Place::GenericImpl && self.generics.has_t;
        let (above, below) = self.attributes;
        let allows = |text: &str| text.contains("allow(") || text.contains("expect(");
        let forbidden = self.lints.contains("forbid") && (allows(above) || allows(below));
        let free_with_self = !receiver.is_empty() && place.is_free();
        let visible_in_a_trait = place.is_of_a_trait() && !self.visibility.is_empty();
        let impossible = [
            free_with_self,
            visible_in_a_trait,
            is_generic_macro,
            unsized_self,
            !boxed,
            !returned,
            twice_t,
            renamed,
            forbidden,
        ];
        !impossible.contains(&true)
    }

    /// Whether the future of the plain function is `Send`.
    pub(crate) fn is_send(&self) -> bool {
        // An error that is not is made and dropped at once, between two awaits.
        self.receiver.is_send && self.arguments.is_send
    }

    /// The module with the plain or the annotated function.
    pub(crate) fn module(&self, annotated: bool) -> String {
        let function = self.function(annotated, true);
        let item = self.item(&function);
        let lints = self.lints;
        format!(
            "//! A shape.\n{lints}\n#![allow(unused_imports)]\nuse crate::support::*;\n{}\n{item}\n{}\n",
            self.types(),
            self.check(annotated)
        )
        // What a `forbid` names cannot be allowed; the imports are all used there or not warned of.
        .replace(if self.lints.contains("forbid") { "#![allow(unused_imports)]\n" } else { "\0" }, "")
    }

    /// The type that methods belong to.
    fn types(&self) -> &'static str {
        match self.place {
            Place::GenericImpl => {
                "/// Rows.\n#[derive(Debug, Clone, Default, Serialize, Deserialize)]\npub struct This<T> {\n    id: u64,\n    rows: Vec<T>,\n}"
            }
            Place::BorrowingImpl => {
                "/// Rows.\n#[derive(Debug, Clone)]\npub struct This<'s> {\n    id: u64,\n    name: &'s str,\n}"
            }
            place if place.is_free() => "",
            _ => {
                "/// Rows.\n#[derive(Debug, Clone, Default, Serialize, Deserialize)]\npub struct This {\n    id: u64,\n}"
            }
        }
    }

    /// The type, with arguments.
    fn this(&self) -> &'static str {
        match self.place {
            Place::GenericImpl => "This<String>",
            Place::BorrowingImpl => "This<'_>",
            _ => "This",
        }
    }

    fn has_self(&self) -> bool {
        !self.receiver.written.is_empty()
    }

    /// The function in what encloses it.
    fn item(&self, function: &str) -> String {
        let declared = self.function(false, false);
        let id = "/// Its id.\n    fn id(&self) -> u64 { self.id }";
        match self.place {
            Place::Free => function.to_owned(),
            Place::InAFunction => String::new(),
            Place::MadeByAMacro => format!(
                "macro_rules! define {{ ($ret:ty; $($item:tt)*) => {{ $($item)* }} }}\ndefine! {{ u8; {function} }}"
            ),
            Place::Impl => format!("impl This {{ pub {id}\n {function} }}")
                .replace("pub /// Its id.\n", "/// Its id.\npub "),
            Place::GenericImpl => format!(
                "impl<T: Value> This<T> {{ /// Its id.\n pub fn id(&self) -> u64 {{ self.id + self.rows.len() as u64 }}\n {function} }}"
            ),
            Place::BorrowingImpl => format!(
                "impl This<'_> {{ /// Its id.\n pub fn id(&self) -> u64 {{ self.id + self.name.len() as u64 }}\n {function} }}"
            ),
            Place::TraitImpl => {
                format!(
                    "trait Of {{ {declared} }}\nimpl This {{ {id} }}\nimpl Of for This {{ {function} }}"
                )
            }
            Place::Provided => {
                format!(
                    "trait Of {{ /// Its id.\n fn id(&self) -> u64; {function} }}\nimpl Of for This {{ {id} }}"
                )
            }
            Place::AsyncTraitImpl => format!(
                "#[async_trait]\ntrait Of {{ {declared} }}\nimpl This {{ {id} }}\n#[async_trait]\nimpl Of for This {{ {function} }}"
            ),
            Place::AsyncTraitProvided => format!(
                "#[async_trait]\ntrait Of {{ /// Its id.\n fn id(&self) -> u64; {function} }}\nimpl Of for This {{ {id} }}"
            ),
            Place::AsyncTraitWithSupertraits => format!(
                "#[async_trait]\ntrait Of: Send + Sync {{ /// Its id.\n fn id(&self) -> u64; {function} }}\nimpl Of for This {{ {id} }}"
            ),
        }
    }

    /// The function, or its declaration.
    fn function(&self, annotated: bool, with_body: bool) -> String {
        let (above, below) = if with_body { self.attributes } else { ("", "") };
        let Self { arguments, generics, visibility, .. } = self;
        let attribute = if annotated { self.attribute() } else { String::new() };
        let comma = if self.has_self() { ", " } else { "" };
        let receiver = if with_body {
            self.receiver.written
        } else {
            self.receiver.written.trim_start_matches("mut ")
        };
        let written = if with_body {
            arguments.written.to_owned()
        } else {
            arguments
                .written
                .replace("mut id", "id")
                .replace("mut names", "names")
                .replace("(a, b)", "of_pair")
                .replace("Point { x, y: (y, _) }", "point")
        };
        let returned = self.returned();
        let arrow = if returned.is_empty() { String::new() } else { format!("-> {returned}") };
        let mut clause = generics.clause.to_owned();
        if self.must_be_sized() {
            clause = format!(
                "{} Self: Sized",
                if clause.is_empty() { "where".to_owned() } else { format!("{clause},") }
            );
        }
        let body = if with_body { self.body() } else { ";".to_owned() };
        let attributes = [above, &attribute, below].into_iter().filter(|line| !line.is_empty());
        let attributes = attributes.fold(String::new(), |all, line| all + line + "\n");
        format!(
            "/// A function.\n{attributes}{visibility}async fn load{}({receiver}{comma}{written}{}) {arrow} {clause} {body}",
            generics.parameters, generics.written
        )
    }

    /// Whether the method has to be left out of a trait's objects.
    fn must_be_sized(&self) -> bool {
        let generic = self.generics.parameters.contains(['T', 'K', 'N', 'F'])
            || self.arguments.written.contains("impl ");
        self.place.is_below_async_trait() && (!self.has_self() || generic)
    }

    fn attribute(&self) -> String {
        let Self { arguments, generics, .. } = self;
        let (of_self, skip_self) =
            match (self.has_self(), self.arguments.name.len().is_multiple_of(2)) {
                (false, _) => ("", ""),
                (true, true) => (":<self.id()>", ""),
                (true, false) => ("", "self,"),
            };
        let skip = format!("{skip_self}{}{}", arguments.skip, generics.skip);
        let skip = if skip.is_empty() { skip } else { format!("skip({skip}),") };
        let entry = match () {
            () if self.options.contains("entry") => "",
            () if self.place == Place::TraitImpl => "entry = false,",
            // What the documentation asks for.
            () if self.error.hides_result
                && self.returns.needs != Needs::Nothing
                && self.place != Place::AsyncTraitImpl =>
            {
                &format!("entry = {},", self.ok())
            }
            () => "",
        };
        format!(
            "#[cachefence(key = \"shape{of_self}{}{}\", ttl = 60, {skip} {entry} {})]",
            arguments.key, generics.key, self.options
        )
    }

    /// The type inside `Ok`.
    fn ok(&self) -> &'static str {
        if self.returns.written.is_empty() { "()" } else { self.returns.written }
    }

    fn returned(&self) -> String {
        if self.returns.written.is_empty() && self.error.written == "OK" {
            return String::new();
        }
        self.error.written.replace("OK", self.ok())
    }

    fn body(&self) -> String {
        let mut body = String::from("{ tick().await;\n");
        if self.has_self() {
            body += "used(&self.id());\n";
            if self.receiver.written == "mut self" {
                body += "self.id += 1;\nused(&self.id);\n";
            }
        }
        for used in self.arguments.used.iter().chain(self.generics.used) {
            body = body + "used(&" + used + ");\n";
        }
        if !self.error.error.is_empty() {
            body = body + "if is_broken() { return Err(" + self.error.error + "); }\n";
        }
        body += match (self.error.written, self.returned().as_str()) {
            (_, "") => "used(&());",
            ("OK", _) => "make()",
            _ => "Ok(make())",
        };
        body + " }"
    }

    /// The function that calls, and asserts `Send`.
    fn check(&self, annotated: bool) -> String {
        let Self { arguments, generics, place, .. } = self;
        let this = self.this();
        let on = self.receiver.of.replace("THIS", this);
        let path = match () {
            () if place.is_free() => format!("load{}", generics.turbofish),
            () if self.has_self() => format!("{on}.load{}", generics.turbofish),
            () => format!("<{this}>::load{}", generics.turbofish),
        };
        let lead = if arguments.call.is_empty() {
            generics.call.trim_start_matches(", ")
        } else {
            generics.call
        };
        let lead = if arguments.call.is_empty() {
            lead.to_owned()
        } else {
            format!("{}{lead}", arguments.call)
        };
        let call = format!("{path}({lead})");
        let asserted = if self.is_send() { "is_send" } else { "is_future" };
        let inner = if *place == Place::InAFunction {
            self.function(annotated, true)
        } else {
            String::new()
        };
        let this_variable = match self.receiver.written {
            "&self" => format!("let this: {this} = make();\n"),
            "&mut self" => format!("let mut this: {this} = make();\n"),
            _ => String::new(),
        };
        let id = if place.is_free() {
            String::new()
        } else {
            format!("used(&make::<{this}>().id());\n")
        };
        let this_variable = id + &this_variable;
        format!("/// Calls it.\npub fn check() {{ {inner}\n{this_variable}{asserted}({call}); }}")
    }
}
