package message

import (
	"errors"
	"fmt"
)

// A Code tells failures apart, for programs.
type Code string

// The codes. The engine yields those from BadModel on; the others are a host's.
const (
	NoWebGPU          Code = "no_webgpu"        // the browser has no WebGPU, or no adapter
	InsecureContext   Code = "insecure_context" // WebGPU needs HTTPS or localhost
	DownloadFailed    Code = "download_failed"
	BadHash           Code = "bad_hash"           // a file is not what the model's description promises
	QuotaExceeded     Code = "quota_exceeded"     // the browser gives the page no more room on disk
	RemoteUnreachable Code = "remote_unreachable" // a model elsewhere: its server is away, or says nothing
	RemoteRefused     Code = "remote_refused"     // it wants another key, or this page's server wants its token
	RateLimited       Code = "rate_limited"       // it has too many requests; ask again later
	RemoteFailed      Code = "remote_failed"      // it failed, broke off, or sent what is no answer
	Unsupported       Code = "unsupported"        // it cannot do what a parameter asks for
	OutOfMemory       Code = "out_of_memory"
	DeviceLost        Code = "device_lost" // the GPU is gone, and no other took its place; the model has to be loaded again
	Aborted           Code = "aborted"     // stopped by the caller before there was a result
	BadModel          Code = "bad_model"
	BadRequest        Code = "bad_request"
	ContextFull       Code = "context_full"
	NumericFault      Code = "numeric_fault" // logits that are not finite
	WrongResults      Code = "wrong_results" // the device computes wrong numbers, whichever kernels are tried
	Internal          Code = "internal"      // a fault of the program
)

// Codes lists the codes.
var Codes = []Code{
	NoWebGPU, InsecureContext, DownloadFailed, BadHash, QuotaExceeded, RemoteUnreachable, RemoteRefused, RateLimited, RemoteFailed, Unsupported, BadModel, OutOfMemory, DeviceLost, ContextFull, BadRequest, NumericFault, WrongResults, Aborted, Internal,
}

// An Error is a failure with a code, and with the parameter at fault if it is one's.
type Error struct {
	Code  Code
	Param string
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf is an error with a code.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Refuse says that a parameter is bad: "max_tokens is 8.5, must be an integer from 1 on".
func Refuse(param, format string, args ...any) error {
	return &Error{BadRequest, param, fmt.Errorf("%s "+format, append([]any{param}, args...)...)}
}

// ErrorEvent is the event that reports an error.
func ErrorEvent(id uint32, err error) Event {
	e := Event{Type: Failed, ID: id, Code: Internal, Message: err.Error()}
	var coded *Error
	if errors.As(err, &coded) {
		e.Code, e.Param = coded.Code, coded.Param
	}
	return e
}
