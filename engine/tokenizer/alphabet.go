package tokenizer

// The byte alphabet spells every byte as one printable character, as GPT-2 introduced it: printable Latin-1 stands
// for itself, the rest for characters from U+0100 on.
var (
	byteRune = map[byte]rune{}
	runeByte = map[rune]byte{}
)

func init() {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		printable := r >= '!' && r <= '~' || r >= 0xa1 && r <= 0xac || r >= 0xae && r <= 0xff
		if !printable {
			r = next
			next++
		}
		byteRune[byte(b)], runeByte[r] = r, byte(b)
	}
}

// fromAlphabet turns a spelling into bytes; false if a character is not of the alphabet.
func fromAlphabet(spelled string) (string, bool) {
	raw := make([]byte, 0, len(spelled))
	for _, r := range spelled {
		b, ok := runeByte[r]
		if !ok {
			return "", false
		}
		raw = append(raw, b)
	}
	return string(raw), true
}
