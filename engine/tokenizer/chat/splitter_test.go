package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitter(t *testing.T) {
	tok := toyTokenizer(t, marks)
	for name, c := range map[string]struct {
		thinking           bool
		answer             string // with tags as tokens
		content, reasoning string
	}{
		"nothing":                     {false, "", "", ""},
		"content alone":               {false, "Hello", "Hello", ""},
		"reasoning, then content":     {true, "Hm.</think>Yes.", "Yes.", "Hm."},
		"reasoning alone":             {true, "Hm.", "", "Hm."},
		"the model opens it":          {false, "<think>Hm.</think>Yes.", "Yes.", "Hm."},
		"opened twice":                {true, "<think>\nHm.</think>Yes.", "Yes.", "Hm."},
		"opened after blanks":         {false, "\n <think>Hm.</think>Yes.", "Yes.", "Hm."},
		"no reasoning":                {true, "\n\n</think>\n\nYes.", "Yes.", ""},
		"blanks at the start":         {true, "\nHm.\n\n</think>\n\n  Yes.\n", "Yes.\n", "Hm.\n\n"},
		"blanks within":               {false, " a\n\n b ", "a\n\n b ", ""},
		"blanks alone":                {false, " \n\t", "", ""},
		"characters of several bytes": {true, "我想😁</think>é我", "é我", "我想😁"},
		"open tag in reasoning":       {true, "Is <think> a tag?</think>Yes.", "Yes.", "Is <think> a tag?"},
		"open tag in content":         {false, "It is <think>.", "It is <think>.", ""},
		"end tag in content":          {true, "Hm.</think>It is </think>.", "It is </think>.", "Hm."},
		"end tag, never thinking":     {false, "</think>x", "</think>x", ""},
		"special tokens":              {false, "a<｜end▁of▁sentence｜>b", "ab", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSplitter(tok, Prompt{Thinking: c.thinking})
			var content, reasoning strings.Builder
			add := func(a, b string) {
				content.WriteString(a)
				reasoning.WriteString(b)
			}
			for _, id := range tok.EncodeSpecial(c.answer) {
				add(s.Push(id))
			}
			add(s.Flush())
			require.Equal(t, c.content, content.String())
			require.Equal(t, c.reasoning, reasoning.String())
		})
	}
}

// TestSplitterDeltas looks at single steps: tags that are spelled out are text, and no character is broken at a tag.
func TestSplitterDeltas(t *testing.T) {
	tok := toyTokenizer(t, marks)
	type step struct {
		id                 int
		content, reasoning string
	}
	for name, c := range map[string]struct {
		thinking bool
		steps    []step
		flush    step
	}{
		"tag spelled out":     {thinking: true, steps: []step{{'<', "", "<"}, {'/', "", "/"}, {'t', "", "t"}, {idEndThink, "", ""}, {'x', "x", ""}}},
		"cut at the end tag":  {thinking: true, steps: []step{{0xe6, "", ""}, {0x88, "", ""}, {idEndThink, "", "\uFFFD"}, {0xc3, "", ""}, {0xa9, "é", ""}}},
		"cut at a tag shown":  {steps: []step{{'x', "x", ""}, {0xe6, "", ""}, {idThink, "\uFFFD<think>", ""}}},
		"cut at the open tag": {steps: []step{{0xe6, "", ""}, {idThink, "\uFFFD", ""}, {'x', "", "x"}}},
		"cut by the end":      {steps: []step{{0xf0, "", ""}, {0x9f, "", ""}}, flush: step{content: "\uFFFD"}},
		"cut in reasoning":    {thinking: true, steps: []step{{0xf0, "", ""}}, flush: step{reasoning: "\uFFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSplitter(tok, Prompt{Thinking: c.thinking})
			for i, want := range c.steps {
				content, reasoning := s.Push(want.id)
				require.Equal(t, step{want.id, want.content, want.reasoning}, step{want.id, content, reasoning}, "step %d", i)
			}
			content, reasoning := s.Flush()
			require.Equal(t, c.flush, step{0, content, reasoning})
		})
	}
}

// A vocabulary without the tags never switches.
func TestSplitterWithoutTags(t *testing.T) {
	tok := toyTokenizer(t, marks[:2])
	s := NewSplitter(tok, Prompt{})
	var content string
	for _, id := range tok.Encode("<think>a</think>") {
		delta, reasoning := s.Push(id)
		require.Empty(t, reasoning)
		content += delta
	}
	require.Equal(t, "<think>a</think>", content)
	delta, _ := s.Push(-1)
	require.Empty(t, delta)
}
