package main

// keys finds what is meant for us among what is typed: the prefix key and d
// detaches, the prefix and t takes the keyboard, the prefix twice sends one.
type keys struct {
	prefix byte
	held   bool // the prefix was pressed
}

// wish is what a person asks of the attachment itself.
type wish int

const (
	wishNothing wish = iota
	wishDetach
	wishTake
)

// read returns what goes to the program, what was wished, and what was typed
// after the wish.
func (k *keys) read(typed []byte) (input []byte, asked wish, rest []byte) {
	for n, b := range typed {
		if !k.held {
			if b == k.prefix {
				k.held = true
			} else {
				input = append(input, b)
			}
			continue
		}
		k.held = false
		switch b {
		case k.prefix:
			input = append(input, b)
		case 'd':
			return input, wishDetach, typed[n+1:]
		case 't':
			return input, wishTake, typed[n+1:]
		default: // not ours: both keys are the program's
			input = append(input, k.prefix, b)
		}
	}
	return input, wishNothing, nil
}
