package control

import (
	"slices"

	"atelier.dev/atelier/backend/event"
)

// Certified reports whether a majority of the voters has signed a record. What
// is signed by others, twice, or not well, does not count. A signature stands for
// all records before too: of those the caller asks with the later one.
func Certified(record event.Event, all []event.Certificate, voters []event.Chain) bool {
	var signed []event.Chain
	for _, c := range all {
		key, is := c.Voter.Key()
		of := c.Record == record.ID && c.Workspace == record.Header.Workspace && c.Index == record.Header.Seq
		if is && of && slices.Contains(voters, c.Voter) && !slices.Contains(signed, c.Voter) && c.Verify(key) == nil {
			signed = append(signed, c.Voter)
		}
	}
	return len(signed) > len(voters)/2
}
