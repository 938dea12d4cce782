//! What a reader of the instrumented text should know: constructs that hide state from the image, and others of note.

/// The kind of construct that a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A parameter that closures among the parameters refer to, behind a variable of the body with its name.
    HiddenParameter,
    /// Closures among the parameters of a generator: it may never get to its body.
    GeneratorParameters,
    /// `with` around closures or asynchronous code.
    With,
    AwaitUsing,
    /// `import.source(...)`, `import.defer(...)`.
    ImportPhase,
    /// A variable of its own named `eval`.
    OwnEval,
    /// `eval(...list)`.
    EvalSpread,
    /// `x?.y.bind(...)`: what it binds is not told. A bound function that the image meets is foreign.
    OptionalBind,
    /// `"use asm"`: the directive is taken away.
    Asm,
    /// An assignment to a variable that the file does not declare: a global of the realm, or of the process.
    Undeclared,
    /// Direct `eval`; its text is instrumented when it runs.
    Eval,
    /// A construct that the analysis does not know.
    Unknown,
}

impl What {
    /// The name in `inspect()` and the docs.
    pub fn name(self) -> &'static str {
        match self {
            What::HiddenParameter => "hidden-parameter",
            What::GeneratorParameters => "generator-parameters",
            What::With => "with",
            What::AwaitUsing => "await-using",
            What::ImportPhase => "import-phase",
            What::OwnEval => "own-eval",
            What::EvalSpread => "eval-spread",
            What::OptionalBind => "optional-bind",
            What::Asm => "asm",
            What::Undeclared => "undeclared",
            What::Eval => "eval",
            What::Unknown => "unknown",
        }
    }

    /// Whether state may stay out of the image's sight.
    pub fn is_uncovered(self) -> bool {
        !matches!(
            self,
            What::OptionalBind | What::Asm | What::Undeclared | What::Eval
        )
    }
}

/// A construct of note, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub what: What,
    /// Where in the text that was parsed.
    pub at: u32,
    /// The name that it is about.
    pub name: String,
    /// From 1.
    pub line: u32,
    /// From 1, in UTF-16 units.
    pub column: u32,
}

impl Fact {
    pub fn new(what: What, at: u32, name: String) -> Self {
        Self {
            what,
            at,
            name,
            line: 0,
            column: 0,
        }
    }
}
