// Package badgerlog keeps a replica's log of events in Badger, with an anchor
// beside it, so that nothing acknowledged is lost and a lost tail is noticed.
//
// # Format
//
// All of it lies in the data folder of a home:
//
//	log/     a Badger store
//	anchor   two checksummed slots, see anchor.go
//	values   small values of sessions, synced now and then, see values.go
//
// Keys in the store, integers big-endian:
//
//	m                 the format marker: "atelier log 1", or "atelier log 2" once
//	                  bodies were dropped
//	a <arrival 8>     run of records, see records.go, from this arrival on
//	s <number 8>      seal: canonical CBOR with its signature
//	d <number 8>      the account of what retention dropped, see account.go
//
// Ids lead to arrival numbers by a table in memory, made from the records at Open.
// An arrival number says as which event this replica took it, from 0: genesis
// is 0. An event's parents have lower numbers. One transaction holds one group
// of events. A small group is written to store and anchor, and both are synced;
// of a large one the store is synced, and then the anchor that names its end.
// Only after that is any of the group acknowledged or shown.
//
// # Retention
//
// Bodies below a checkpoint that control has finalized can be dropped, headers
// never. The runs that hold them are written anew under their keys, so a reader
// and a crash meet the old run or the new one, and the account of what is gone
// changes in the same transaction. The anchor has no part in it: no head moves.
// The old runs take their room until the tables are merged, which the account
// says is owed until it is done. An audit accepts a body that is gone only below
// such a checkpoint, and counts it.
//
// # Start-up
//
// Before Badger opens the store, and repairs it in its own way, what it would
// drop is held to the anchor: a manifest that is gone or cut, tables without a
// name in it and a write-ahead log that breaks off are taken for the remains of
// a crash only when the rest holds all that was acknowledged. Else the store is
// refused, and every file stays as it is.
//
// The newest slot of the anchor names the heads after the last group, and has
// its bytes when they are few. A store that lacks exactly that group is
// completed from it. A store below its anchor in any other way is data_loss.
// A store above its anchor by one group is what a crash leaves between the two
// syncs: the group is whole, was never acknowledged, and is kept. Then all
// events are read once: for their hashes and chain, for the table of ids and
// the index of causality, and for Options.Replay.
package badgerlog
