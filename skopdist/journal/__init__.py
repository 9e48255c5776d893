"""The journal: trials that outlive the process that made them, and the record with which a search goes on."""

from skopdist.journal._file import JournalWarning
from skopdist.journal._record import Journal, SearchRecord, read_journal

__all__ = ["Journal", "JournalWarning", "SearchRecord", "read_journal"]
