//! Released versions of public projects that are replayed together: what each needs besides its own requirements.

pub struct Known {
    pub name: &'static str,
    pub versions: &'static [&'static str],
    pub with: &'static [&'static str],
    /// Where the tests are, if not in a folder of that name.
    pub tests: Option<&'static str>,
}

const fn known(name: &'static str, versions: &'static [&'static str]) -> Known {
    Known { name, versions, with: &[], tests: None }
}

impl Known {
    const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    const fn tests(self, tests: &'static str) -> Self {
        Self { tests: Some(tests), ..self }
    }
}

pub const KNOWN: &[Known] = &[
    known("attrs", &["23.1.0", "23.2.0"]).with(&["hypothesis", "cloudpickle"]),
    known("blinker", &["1.7.0", "1.8.0"]).with(&["pytest-asyncio<0.24"]),
    known("cachetools", &["5.3.1", "5.3.2"]),
    known("click", &["8.1.3", "8.1.4"]),
    known("cssselect", &["1.2.0", "1.3.0"]).with(&["lxml"]),
    known("flask", &["3.0.0", "3.0.1"]),
    known("h11", &["0.13.0", "0.14.0"]).tests("h11/tests"),
    known("humanize", &["4.8.0", "4.9.0"]).with(&["freezegun"]),
    known("hyperframe", &["6.0.1", "6.1.0"]),
    known("idna", &["3.6", "3.7"]),
    known("itsdangerous", &["2.1.1", "2.1.2"]).with(&["freezegun"]),
    known("jinja2", &["3.1.2", "3.1.3"]),
    known("mako", &["1.2.4", "1.3.0"]),
    known("markupsafe", &["2.1.3", "2.1.4"]),
    known("marshmallow", &["3.19.0", "3.20.0"]).with(&["pytz", "simplejson"]),
    known("mistune", &["3.0.1", "3.0.2"]),
    known("more-itertools", &["10.1.0", "10.2.0"]),
    known("packaging", &["23.1", "23.2"]).with(&["pretend"]),
    known("parso", &["0.8.2", "0.8.3"]),
    known("pluggy", &["1.2.0", "1.3.0"]),
    known("prettytable", &["3.8.0", "3.9.0"]),
    known("pyjwt", &["2.7.0", "2.8.0"]).with(&["cryptography"]),
    known("pyparsing", &["3.1.0", "3.1.1"]).with(&["railroad-diagrams", "jinja2"]),
    known("pyrsistent", &["0.19.3", "0.20.0"]).with(&["hypothesis"]),
    known("soupsieve", &["2.4.1", "2.5"]).with(&["beautifulsoup4", "html5lib", "lxml"]),
    known("sqlparse", &["0.4.3", "0.4.4"]),
    known("structlog", &["23.1.0", "23.2.0"]).with(&["freezegun", "pretend", "simplejson", "pytest-asyncio<0.24"]),
    known("tabulate", &["0.8.10", "0.9.0"]),
    known("tenacity", &["8.2.3", "8.3.0"]),
    known("tomlkit", &["0.12.1", "0.12.2"]).with(&["pyyaml"]),
    known("toolz", &["0.11.2", "0.12.0"]).tests("toolz/tests"),
    known("voluptuous", &["0.13.1", "0.14.0"]).tests("voluptuous/tests/tests.py"),
    known("w3lib", &["2.1.1", "2.1.2"]),
    known("werkzeug", &["3.0.1", "3.0.2"]).with(&["ephemeral-port-reserve", "pytest-timeout", "watchdog"]),
    known("wsproto", &["1.1.0", "1.2.0"]),
];
