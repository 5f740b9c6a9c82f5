// An origin of Go's own server: it prints its ports, and then each request as it saw it, a line of JSON each.
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
)

// JSON is UTF-8, and what came may be any bytes: each becomes the character of its number.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

func pairs(fields map[string][]string) [][2]string {
	found := [][2]string{}
	for name, values := range fields {
		for _, value := range values {
			found = append(found, [2]string{latin1(name), latin1(value)})
		}
	}
	return found
}

type seen struct {
	Server   string      `json:"server"`
	Version  string      `json:"version"`
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Path     string      `json:"path"`
	Query    string      `json:"query"`
	Keys     [][2]string `json:"keys"`
	Host     string      `json:"host"`
	Headers  [][2]string `json:"headers"`
	Body     string      `json:"body"`
	Trailers [][2]string `json:"trailers"`
}

func main() {
	var lock sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		// Absent where Go itself does not take the query.
		var keys [][2]string
		if values, err := url.ParseQuery(r.URL.RawQuery); err == nil {
			keys = pairs(values)
		}
		line, _ := json.Marshal(seen{
			Server: "go", Version: fmt.Sprint(r.ProtoMajor), Method: latin1(r.Method), Target: latin1(r.RequestURI), Path: latin1(r.URL.Path),
			Query: latin1(r.URL.RawQuery), Keys: keys, Host: latin1(r.Host), Headers: pairs(r.Header), Body: latin1(string(body)), Trailers: pairs(r.Trailer),
		})
		lock.Lock()
		defer lock.Unlock()
		out.Write(append(line, '\n'))
		out.Flush()
	})
	listen := func() net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		return listener
	}
	plain, secure := listen(), listen()
	fmt.Fprintf(out, "{\"plain\":%d,\"secure\":%d}\n", plain.Addr().(*net.TCPAddr).Port, secure.Addr().(*net.TCPAddr).Port)
	out.Flush()
	// Its own log would say each refused head.
	quiet := log.New(io.Discard, "", 0)
	certificate, err := tls.LoadX509KeyPair(os.Args[1]+"/origin.crt", os.Args[1]+"/origin.key")
	if err != nil {
		log.Fatal(err)
	}
	// Its own handler would answer `OPTIONS *` without a word.
	over := &http.Server{DisableGeneralOptionsHandler: true, Handler: handler, ErrorLog: quiet, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go over.ServeTLS(secure, "", "")
	log.Fatal((&http.Server{DisableGeneralOptionsHandler: true, Handler: handler, ErrorLog: quiet}).Serve(plain))
}
