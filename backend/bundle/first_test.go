package bundle
import ("testing";"fmt")
func TestFirst(t *testing.T) {
	w, c := two(t)
	b, made := w.bundled(Request{Cut: *c.Header.Facts.Cut, Checkpoint: c.ID})
	fmt.Printf("%+v\n", made)
	r := clean(t, b)
	fmt.Printf("%+v\n", r)
}
