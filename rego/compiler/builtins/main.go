// Program builtins is OPA's own library of built-in functions behind three exported functions, built to WebAssembly
// (wasip1, reactor) and run without any access to the host. What a compiled policy cannot do itself it asks here.
package main

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"sallyport/rego/compiler/guarded"
	"sallyport/rego/compiler/values"
)

// Outcomes of a call, as call returns them.
const (
	defined   = 0
	undefined = 1
	failed    = 2 // the answer is the message
	halted    = 3 // OPA would end the whole evaluation; the answer is the message
)

var (
	buffer  = make([]byte, 64*1024)
	answer  []byte
	names   []string
	current = &evaluation{}
)

func main() {}

// reserve gives the address of a buffer of at least size bytes, into which the caller writes.
//
//go:wasmexport reserve
func reserve(size uint32) uint32 {
	if uint32(len(buffer)) < size {
		buffer = make([]byte, size)
	}
	return address(buffer)
}

// resolve gives the number of the built-in function whose name stands in the buffer, -1 where there is none.
//
//go:wasmexport resolve
func resolve(size uint32) int32 {
	name := string(buffer[:size])
	if topdown.GetBuiltin(name) == nil {
		return -1
	}
	names = append(names, name)
	return int32(len(names) - 1)
}

// begin starts an evaluation: one clock and one cache for all of its calls.
// The buffer holds the runtime document (JSON; may be empty).
//
//go:wasmexport begin
func begin(seconds float64, nanos uint32, size uint32) {
	current = newEvaluation(int64(seconds)*1_000_000_000+int64(nanos), buffer[:size])
}

// call runs a function on the operands in the buffer: one value after the other, each behind its length (4 bytes, little endian).
//
//go:wasmexport call
func call(number uint32, size uint32) uint32 {
	outcome, text := run(names[number], buffer[:size])
	answer = text
	return outcome
}

// answerAddress and answerLength tell where the last answer lies; it is good until the next call.
//
//go:wasmexport answerAddress
func answerAddress() uint32 { return address(answer) }

//go:wasmexport answerLength
func answerLength() uint32 { return uint32(len(answer)) }

func address(bytes []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))) }

func run(name string, packed []byte) (uint32, []byte) {
	var operands []*ast.Term
	for len(packed) >= 4 {
		size := binary.LittleEndian.Uint32(packed)
		term, err := values.Parse(packed[4 : 4+size])
		if err != nil {
			return failed, []byte("an operand cannot be read: " + err.Error())
		}
		operands = append(operands, term)
		packed = packed[4+size:]
	}
	results, err := guarded.Call(topdown.GetBuiltin(name), current.context(name), operands)
	if err != nil {
		if halt, ok := err.(topdown.Halt); ok {
			return halted, []byte(halt.Err.Error())
		}
		return failed, []byte(err.Error())
	}
	if len(results) == 0 {
		return undefined, nil
	}
	text := values.Append(nil, results[len(results)-1].Value)
	if !utf8.Valid(text) {
		return failed, []byte("the answer is not UTF-8, or a number that JSON does not have, and a policy's memory holds no other")
	}
	return defined, text
}
