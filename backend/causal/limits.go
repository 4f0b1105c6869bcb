package causal

const (
	// vectorBytes is what an event may cost in vectors: at a million events they
	// take half of the 60 MB that an order may have.
	vectorBytes = 34
	// minLeaps is how many leaps a vector spares an answer at least: with fewer it
	// costs more than it saves.
	minLeaps = 2
	// fewLeaps are followed sooner than a vector is read, which takes as long as
	// some twenty.
	fewLeaps = 16
	// backCost is what a step of a search back costs, in heirs looked at by one
	// forth: it reads vectors of another strand.
	backCost = 4
	// maxTried bounds the strands of strays that a stray is tried on: records of
	// unlike objects are strays to one another, and most fit on one of a few.
	maxTried = 8
	// maxReplica bounds a replica's name in a snapshot, as event.MaxChain does.
	maxReplica = 64
)
