package causal

// newest is a heap whose first is the event that came last (Williams 1964).
// Ordinals fall along every leap, so whoever takes the newest first meets a
// strand where it is reached furthest, and settles it at once (Dijkstra 1959).
type newest []Ordinal

func (h *newest) push(n Ordinal) {
	q := append(*h, n)
	for i := len(q) - 1; i > 0 && q[(i-1)/2] < q[i]; i = (i - 1) / 2 {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
	}
	*h = q
}

// pop takes the first out of a heap that has one.
func (h *newest) pop() Ordinal {
	q := *h
	first, last := q[0], len(q)-1
	q[0], q = q[last], q[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && q[child+1] > q[child] {
			child++
		}
		if child >= last || q[i] >= q[child] {
			break
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
	*h = q
	return first
}
