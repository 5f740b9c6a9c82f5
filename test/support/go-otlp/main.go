// A receiver of OTLP over HTTP. Logs are read by OTLP's own protobufs: it prints each log record that it takes as a line of JSON. It answers
// as its standard input says, one line for each answer to come ("200", "503 2", "400", "partial 2", "hang", "html"); else with 200.
package main

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

const contentType = "application/x-protobuf"

type taken struct {
	Body       string         `json:"body"`
	Event      string         `json:"event"`
	Severity   string         `json:"severity"`
	TimeMs     uint64         `json:"timeMs"`
	TraceID    string         `json:"traceId"`
	Attributes map[string]any `json:"attributes"`
	Resource   map[string]any `json:"resource"`
	// Of the request.
	Authorization string `json:"authorization"`
	Tenant        string `json:"tenant"`
	Client        string `json:"client"`
	Encoding      string `json:"encoding"`
}

func main() {
	answers := make(chan string, 1000)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			answers <- lines.Text()
			// A request that is sent after this finds it.
			fmt.Println(`{"kind":"ready"}`)
		}
	}()
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	// With a certificate and its key: TLS, in which clients show a certificate, whichever it is.
	if len(os.Args) > 3 {
		pair, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
		if err != nil {
			panic(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	var turn sync.Mutex
	for path, take := range map[string]func(http.ResponseWriter, *http.Request, []string){
		"POST /v1/logs":    take,
		"POST /v1/traces":  takeTelemetry,
		"POST /v1/metrics": takeTelemetry,
	} {
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			turn.Lock()
			defer turn.Unlock()
			answer := "200"
			select {
			case answer = <-answers:
			default:
			}
			take(w, r, strings.Fields(answer))
		})
	}
	panic(http.Serve(listener, nil))
}

func take(w http.ResponseWriter, r *http.Request, answer []string) {
	export, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response := &collector.ExportLogsServiceResponse{}
	switch answer[0] {
	case "hang":
		<-r.Context().Done()
		return
	case "html":
		w.Header().Set("content-type", "text/html")
		fmt.Fprint(w, "<p>Welcome!")
		return
	case "503":
		w.Header().Set("retry-after", answer[1])
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "400", "413", "401":
		http.Error(w, "not this one", map[string]int{"400": 400, "413": 413, "401": 401}[answer[0]])
		return
	case "partial":
		var rejected int64
		fmt.Sscan(answer[1], &rejected)
		response.PartialSuccess = &collector.ExportLogsPartialSuccess{RejectedLogRecords: rejected, ErrorMessage: "too old"}
	case "200":
	default:
		// Refuses what holds this text, whatever else is with it.
		for _, record := range records(export) {
			if strings.Contains(record.Body, answer[0]) {
				http.Error(w, "not this one", http.StatusBadRequest)
				return
			}
		}
	}
	for _, record := range records(export) {
		record.Authorization = r.Header.Get("authorization")
		record.Tenant = r.Header.Get("x-scope-orgid")
		record.Encoding = r.Header.Get("content-encoding")
		if r.TLS != nil {
			record.Client = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		line, _ := json.Marshal(record)
		fmt.Println(string(line))
	}
	body, _ := proto.Marshal(response)
	w.Header().Set("content-type", contentType)
	w.Write(body)
}

func read(r *http.Request) (*collector.ExportLogsServiceRequest, error) {
	body, err := content(r, contentType)
	if err != nil {
		return nil, err
	}
	export := &collector.ExportLogsServiceRequest{}
	return export, proto.UnmarshalOptions{}.Unmarshal(body, export)
}

func content(r *http.Request, wanted string) ([]byte, error) {
	if r.Header.Get("content-type") != wanted {
		return nil, fmt.Errorf("content-type %q", r.Header.Get("content-type"))
	}
	if r.Header.Get("content-encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}

func records(export *collector.ExportLogsServiceRequest) []taken {
	var all []taken
	for _, resource := range export.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				all = append(all, taken{
					Body:       record.Body.GetStringValue(),
					Event:      record.EventName,
					Severity:   record.SeverityText,
					TimeMs:     record.TimeUnixNano / 1e6,
					TraceID:    fmt.Sprintf("%x", record.TraceId),
					Attributes: values(record.Attributes),
					Resource:   values(resource.Resource.Attributes),
				})
			}
		}
	}
	return all
}

func values(attributes []*common.KeyValue) map[string]any {
	all := map[string]any{}
	for _, attribute := range attributes {
		switch value := attribute.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[attribute.Key] = value.StringValue
		case *common.AnyValue_IntValue:
			all[attribute.Key] = value.IntValue
		case *common.AnyValue_BoolValue:
			all[attribute.Key] = value.BoolValue
		default:
			all[attribute.Key] = fmt.Sprint(value)
		}
	}
	return all
}
