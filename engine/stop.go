package engine

import "strings"

// A stopper ends an answer before the first of some texts to be complete, however its tokens cut them. It holds back
// what may be the beginning of one.
type stopper struct {
	stops []string
	held  string
}

// push takes the next text and returns what may be shown; stopped tells that one of the texts has come.
func (s *stopper) push(text string) (shown string, stopped bool) {
	if len(s.stops) == 0 {
		return text, false
	}
	s.held += text
	first, end := 0, len(s.held)+1
	for _, stop := range s.stops {
		if at := strings.Index(s.held, stop); at >= 0 && (at+len(stop) < end || at+len(stop) == end && at < first) {
			first, end = at, at+len(stop)
		}
	}
	if end <= len(s.held) {
		shown, s.held = s.held[:first], ""
		return shown, true
	}
	free := len(s.held) - s.begun()
	shown, s.held = s.held[:free], s.held[free:]
	return shown, false
}

// begun is how many bytes at the end of what is held may begin one of the texts.
func (s *stopper) begun() int {
	longest := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.held)); n > longest; n-- {
			if strings.HasSuffix(s.held, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// flush returns what is held: the answer has ended, so it begins no stop any more.
func (s *stopper) flush() string {
	held := s.held
	s.held = ""
	return held
}
