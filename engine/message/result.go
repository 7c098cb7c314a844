package message

// A Result is what came of a strategy's traces.
type Result struct {
	// Answer is what most traces agree on; null where no two of them agree, or none was accepted.
	Answer *string `json:"answer" ts:"string | null"`
	// Groups are the answers that were given, the heaviest first.
	Groups []Group `json:"groups"`
	// Agreement is the share of the first group in all traces that came to an end, from 0 to 1.
	Agreement float64   `json:"agreement"`
	StoppedBy StoppedBy `json:"stopped_by"`
	ChosenBy  ChosenBy  `json:"chosen_by"`
	// Trace is whose text the answer's is; absent where it is no trace's.
	Trace  *int           `json:"trace,omitempty"`
	Traces []TraceSummary `json:"traces"`
	// SavedTokens is an estimate of what the traces that were cut or never begun would have taken, by the others.
	SavedTokens int `json:"saved_tokens"`
}

// A Group is the traces of one answer.
type Group struct {
	Key    string  `json:"key"` // the answer: of a number its value, of all else its text without blanks and outer brackets
	Count  int     `json:"count"`
	Weight float64 `json:"weight"` // Count, or in a weighted vote the sum of confidences
}

// A TraceSummary is what came of one trace.
type TraceSummary struct {
	Finish          TraceFinish `json:"finish"`
	Tokens          int         `json:"tokens"`
	ReasoningTokens int         `json:"reasoning_tokens"`
	// ConfLow and ConfTail are its confidence: the negative mean log-probability of the 20 likeliest tokens, in the stretch
	// where that is least, and at the end. High is sure.
	ConfLow  float64 `json:"conf_low"`
	ConfTail float64 `json:"conf_tail"`
	// Score is the mean log-probability of its tokens.
	Score    float64 `json:"score"`
	Answer   string  `json:"answer,omitempty"`   // the key of its group
	Accepted *bool   `json:"accepted,omitempty"` // by the verifier
}

// A TraceFinish says why a trace ended.
type TraceFinish string

// The reasons.
const (
	TraceStopped TraceFinish = "stop"    // by itself
	TraceBudget  TraceFinish = "budget"  // by itself, after its thinking was closed
	TraceLength  TraceFinish = "length"  // at the limit of tokens
	TraceLoop    TraceFinish = "loop"    // it repeated itself
	TraceCut     TraceFinish = "cut"     // it was not needed any more
	TraceUnbegun TraceFinish = "unbegun" // it was not needed at all
	TraceAborted TraceFinish = "abort"   // cancelled
)

// A StoppedBy says why no more traces were waited for.
type StoppedBy string

// The reasons.
const (
	ByAll       StoppedBy = "all"       // all traces have ended
	ByDecided   StoppedBy = "decided"   // those still running could not change the answer
	ByBeta      StoppedBy = "beta"      // the leader would most probably have stayed the leader
	ByProbe     StoppedBy = "probe"     // the answers that running traces would have given agreed
	ByShort     StoppedBy = "short_m"   // enough traces had ended their thinking
	ByVerifier  StoppedBy = "verifier"  // it accepted an answer
	ByConfirmed StoppedBy = "confirmed" // the checks found the answer right
	ByUnchecked StoppedBy = "unchecked" // the checks came to no verdict
	ByRefuted   StoppedBy = "refuted"   // the checks found the answer wrong, and it was thought over
	ByCaller    StoppedBy = "abort"     // cancelled
)

// A ChosenBy says how the answer was chosen among the traces'.
type ChosenBy string

// The ways.
const (
	ChosenOnly      ChosenBy = "only" // there was one
	ChosenMajority  ChosenBy = "majority"
	ChosenWeight    ChosenBy = "weight" // a majority of confidence
	ChosenTie       ChosenBy = "tie"    // of several answers that as many agree on, that of the first trace
	ChosenVerifier  ChosenBy = "verifier"
	ChosenSelfScore ChosenBy = "self_score" // the model's own mean log-probability
	ChosenFusion    ChosenBy = "fusion"
	ChosenNone      ChosenBy = "none" // no two traces agree, or no answer was accepted
)

// A Lane is what came of one trace since it was last told of.
type Lane struct {
	Trace      int         `json:"trace"`
	Purpose    Purpose     `json:"purpose"`
	Content    string      `json:"content,omitempty"`
	Reasoning  string      `json:"reasoning,omitempty"`
	Tokens     int         `json:"tokens"`           // so far
	Thinking   bool        `json:"thinking"`         // it has not come to its answer
	Confidence float64     `json:"confidence"`       // of its last 32 tokens
	Answer     string      `json:"answer,omitempty"` // the key of what it answers, or would answer now
	Finish     TraceFinish `json:"finish,omitempty"` // it has ended
}

// A Purpose says what a trace is for.
type Purpose string

// The purposes.
const (
	ForAnswer Purpose = "answer"
	ForCheck  Purpose = "check"
	ForFusion Purpose = "fusion"
)

// A Tally is how a vote stands.
type Tally struct {
	Groups    []Group `json:"groups"`
	Agreement float64 `json:"agreement"`
	Ended     int     `json:"ended"`
	Running   int     `json:"running"` // those that are to begin as well
}
