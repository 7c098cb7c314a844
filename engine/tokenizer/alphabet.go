package tokenizer

// The byte alphabet spells every byte as one printable character, as GPT-2 introduced it: printable Latin-1 stands
// for itself, the other 68 bytes for the characters from U+0100 on. It is kept the way it is read, by character.
var alphabet [0x100 + 68]struct {
	raw byte
	ok  bool
}

// spellings are the same, by byte.
var spellings [0x100]rune

func init() {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		printable := r >= '!' && r <= '~' || r >= 0xa1 && r <= 0xac || r >= 0xae && r <= 0xff
		if !printable {
			r = next
			next++
		}
		alphabet[r].raw, alphabet[r].ok = byte(b), true
		spellings[b] = r
	}
}

// toAlphabet spells bytes.
func toAlphabet(raw string) string {
	spelled := make([]rune, len(raw))
	for i := range len(raw) {
		spelled[i] = spellings[raw[i]]
	}
	return string(spelled)
}

// fromAlphabet turns a spelling into bytes; false if a character is not of the alphabet.
func fromAlphabet(spelled string) (string, bool) {
	raw := make([]byte, 0, len(spelled))
	for _, r := range spelled {
		if int(r) >= len(alphabet) || !alphabet[r].ok {
			return "", false
		}
		raw = append(raw, alphabet[r].raw)
	}
	return string(raw), true
}
