/** The tables of the index. It holds nothing that is not in the log, and is made anew whenever this changes. */

/** Of the tables and of what is written into them: a file of another version is not used. */
export const schemaVersion = 3
/** "SPal": the file is an index of ours. */
export const applicationId = 0x5350616c

/** Written into each connection; `cacheMiB` is memory of the process. */
export function settings(cacheMiB: number): string {
  return `
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 8000;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -${cacheMiB * 1024};`
}

/**
 * - `word`: each value that repeats, once; entries and terms have its number.
 * - `entry`: a request, or a record that is about none (entry.ts). Most pages and all sums are read from it.
 * - `found`: an inverted index of terms and words (words.ts); a page of any combination of filters is an intersection of its lists.
 *   What it was made of is not kept; rows can be removed all the same.
 * - `open`: the same for what is not settled yet, and the texts, which are needed once more when it is.
 * - `span`: the times that stand in runs of records: clocks jump, and the order of the log does not.
 * - `tally`: sums that grow with the index (tally.ts).
 * - `position`: how far the log was read, and what the log is recognised by.
 */
export const tables = `
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
  CREATE TABLE word (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
  CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, settled INTEGER, time INTEGER, type INTEGER NOT NULL, id TEXT, parent TEXT, integration INTEGER,
    identity INTEGER, decision INTEGER, rule INTEGER, kind INTEGER, action INTEGER, method INTEGER, scheme INTEGER, host INTEGER,
    port INTEGER, place INTEGER, path TEXT, query TEXT, status INTEGER, problem INTEGER, detail TEXT, requests INTEGER NOT NULL,
    sent INTEGER, received INTEGER, duration REAL, complete INTEGER, claimed TEXT
  );
  CREATE VIRTUAL TABLE found USING fts5(words, content='', contentless_delete=1, tokenize='unicode61');
  CREATE VIRTUAL TABLE open USING fts5(words, texts UNINDEXED, tokenize='unicode61');
  CREATE TABLE span (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, earliest INTEGER, latest INTEGER);
  CREATE TABLE tally (
    facet INTEGER, day INTEGER, value INTEGER, requests REAL, allowed REAL, denied REAL, refused REAL, sentBytes REAL, receivedBytes REAL,
    PRIMARY KEY (facet, day, value)
  ) WITHOUT ROWID;
  CREATE TABLE position (next INTEGER NOT NULL, first INTEGER NOT NULL, last TEXT NOT NULL);
  INSERT INTO position VALUES (0, 0, '');
  INSERT INTO found (found, rank) VALUES ('hashsize', 16777216);`
