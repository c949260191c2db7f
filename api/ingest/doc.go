// Package ingest reads uploads of contacts: CSV, NDJSON or JSON of any length,
// through a window of bounded size, into batches of numbers in E.164 for a sink
// that stores them.
//
//	body ─▶ source (one record at a time) ─▶ chunks ─▶ workers: normalise
//	                                                        │ in the order of the file
//	                  sink ◀─ batches ◀─ stage ◀────────────┘
//
// Read does the reading, the collecting and the calls of the sink in its
// caller's goroutine; the workers do nothing but compute, and have ended when
// it returns.  So nothing is left behind on a body that blocks, and the sink
// needs no lock.
//
// There are two kinds of fault:
//
//   - A row can be wrong: no such number, too many fields.  It is counted, told
//     with its line, and the others are stored.
//   - The file can be wrong: no column "phone", a quote that never closes, not
//     UTF-8, broken JSON.  That ends the reading with a *FileError.
//
// Invariant: the sink is first called when the whole file has been read without
// a fault, so that a broken upload has changed nothing.  Until then the contacts
// are staged: the first in memory, the others in a temporary file.
package ingest
