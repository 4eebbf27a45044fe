//! Records as a file: one for programs, one for spreadsheets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AuditRecord, Sealing, csv_header, csv_line, sealed_json_line};

/// What a file of records is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// One OCSF object per line.
    #[default]
    Ndjson,
    /// RFC 4180, safe to open in a spreadsheet: no cell can start a formula.
    Csv,
}

impl FileFormat {
    /// Its name, which is also the ending of a file's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// The media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What stands before the first record.
    #[must_use]
    pub fn head(self) -> String {
        match self {
            Self::Ndjson => String::new(),
            Self::Csv => csv_header(),
        }
    }

    /// Whether where a record was sealed is in it.
    #[must_use]
    pub const fn names_seals(self) -> bool {
        matches!(self, Self::Ndjson)
    }

    /// Adds a record, with where it was sealed.
    pub fn write(self, record: &AuditRecord, sealing: Option<&Sealing>, out: &mut String) {
        match self {
            Self::Ndjson => {
                out.push_str(&sealed_json_line(record, sealing));
                out.push('\n');
            }
            Self::Csv => out.push_str(&csv_line(record)),
        }
    }
}
