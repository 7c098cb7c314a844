package weights

import (
	"encoding/binary"
	"slices"
)

// relayRow lays a row of ggml's blocks out as the packed format of the same name: the same numbers, bit for bit. quants
// is the row's own, scales the whole plane of its piece, in which the row's first block is the at-th.
func relayRow(f Format, raw, quants, scales []byte, at int) {
	source := ggmlBlocks[DType(ggmlName(f))]
	p := planes[f]
	for ; len(raw) > 0; raw = raw[source.bytes:] {
		blocks := source.elems / BlockElems
		relayBlock(f, raw, quants[:blocks*p.quants], scales[at/p.blocks*p.entry:], at%p.blocks)
		quants, at = quants[blocks*p.quants:], at+blocks
	}
}

// relayBlock lays out one of ggml's blocks, whose layouts are those of ggml-common.h. s is the entry among the scales, b
// the block's place in it.
func relayBlock(f Format, raw, q, s []byte, b int) {
	switch f {
	case Q8_0, Q4_0, IQ4_NL:
		copy(s, raw[:2])
		copy(q, raw[2:])
	case Q4_1:
		copy(s, raw[:4])
		copy(q, raw[4:])
	case Q5_0:
		copy(s[2*b:], raw[:2])
		copy(s[4+4*b:], raw[2:6])
		copy(q, raw[6:22])
	case Q5_1:
		copy(s, raw[:8])
		copy(q, raw[8:24])
	case MXFP4:
		s[0] = raw[0]
		copy(q, raw[1:17])
	case Q4_K:
		copy(s, raw[:16])
		relayNibbles(raw[16:144], q, 32)
	case Q5_K:
		copy(s, raw[:16])
		relayNibbles(raw[48:176], q, 32)
		turnBits(raw[16:48], s[16:48])
	case IQ4_XS:
		copy(s, raw[:8])
		copy(q, raw[8:136])
	case Q6_K:
		copy(s, raw[208:210])
		copy(s[4:20], raw[192:208])
		for half := range 2 { // of 128 elements: low nibbles of 64 bytes, then their high ones
			relayNibbles(raw[64*half:][:64], q[64*half:], 64)
			relayTwoBits(raw[128+32*half:][:32], s[20+32*half:])
		}
	case Q3_K:
		copy(s, raw[108:110])
		copy(s[4:16], raw[96:108])
		turnBits(raw[:32], s[16:48])
		for half := range 2 {
			relayTwoBits(raw[32+32*half:][:32], q[32*half:])
		}
	case Q2_K:
		copy(s, raw[80:84])
		copy(s[4:20], raw[:16])
		for half := range 2 {
			relayTwoBits(raw[16+32*half:][:32], q[32*half:])
		}
	}
}

// relayNibbles turns chunks of so many bytes, whose low nibbles come before their high ones, into blocks of 16 bytes,
// whose low nibbles are the first 16 elements and whose high ones the others.
func relayNibbles(raw, q []byte, chunk int) {
	const low = 0x0f0f0f0f0f0f0f0f
	for ; len(raw) > 0; raw, q = raw[chunk:], q[chunk:] {
		for i := 0; i < chunk/2; i += 8 { // bytes of the blocks of low nibbles; those of high ones follow
			from := i/16*32 + i%16
			x, y := le.Uint64(raw[from:]), le.Uint64(raw[from+16:])
			le.PutUint64(q[i:], x&low|y&low<<4)
			le.PutUint64(q[chunk/2+i:], x>>4&low|y&^low)
		}
	}
}

// relayTwoBits turns 32 bytes, whose lowest 2 bits are the first 32 elements, the next 2 the next 32 and so on, into 4
// blocks of 8 bytes, byte after byte of 4 elements each.
func relayTwoBits(raw, q []byte) {
	const low = 0x03030303
	for block := range 4 {
		for i := range 8 {
			x := le.Uint32(raw[4*i:]) >> (2 * block) & low // an element in each byte
			q[8*block+i] = byte(x | x>>6 | x>>12 | x>>18)
		}
	}
}

// turnBits turns 32 bytes, whose bit b is of block b, into 8 words, whose bit i is of element i.
func turnBits(raw, words []byte) {
	for b := range 8 {
		word := uint32(0)
		for i, x := range raw {
			word |= uint32(x>>b&1) << i
		}
		binary.LittleEndian.PutUint32(words[4*b:], word)
	}
}

// embeddings are the formats that hold another's numbers exactly, with the same scales.
var embeddings = map[Format][]Format{
	Q8_0: {Q5_0, Q4_0, IQ4_NL},
	Q5_0: {Q4_0},
	Q5_1: {Q4_1},
	Q5_K: {Q4_K},
}

// embeds tells whether f holds the numbers of another format, or is it.
func embeds(f, other Format) bool { return f == other || slices.Contains(embeddings[f], other) }

// embedRow lays a row of ggml's blocks out as a format of its embeddings.
func embedRow(f Format, d DType, raw, quants, scales []byte, at int) {
	own, _ := d.format()
	source := ggmlBlocks[d]
	from, to := planes[own], planes[f]
	blocks := source.elems / BlockElems
	q, s := make([]byte, blocks*from.quants), make([]byte, from.entry)
	for ; len(raw) > 0; raw = raw[source.bytes:] {
		relayBlock(own, raw, q, s, 0)
		entry, b := scales[at/to.blocks*to.entry:], at%to.blocks
		switch f {
		case Q8_0:
			copy(entry, s[:2])
			fifth := uint32(0)
			if own == Q5_0 {
				fifth = le.Uint32(s[4:])
			}
			for i := range BlockElems {
				quants[i] = byte(integerCode(own, q, fifth, i))
			}
		case Q5_0:
			copy(entry[2*b:], s[:2])
			fifth := uint32(0)
			for i := range BlockElems {
				code := byte(integerCode(own, q, 0, i) + 16)
				fifth |= uint32(code>>4) << i
				quants[i%16] |= code & 15 << (i / 16 * 4)
			}
			le.PutUint32(entry[4+4*b:], fifth)
		default: // no fifth bits
			copy(entry, s)
			copy(quants, q)
		}
		quants, at = quants[blocks*to.quants:], at+blocks
	}
}

// integerCode is what element i of a block is times its scale.
func integerCode(f Format, q []byte, fifth uint32, i int) int {
	code := int(nibble(q, i))
	switch f {
	case Q5_0:
		return code | int(fifth>>i&1)<<4 - 16
	case IQ4_NL:
		return int(iq4Values[code])
	}
	return code - 8
}
