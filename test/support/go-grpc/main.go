// The service of grpc-echo.ts by Go's library of gRPC, and a client of it.
//
//	go-grpc serve [CERTIFICATE KEY]   prints the port, and "cancelled" for each call that its caller gave up
//	go-grpc call tls|plain AUTHORITY  makes a call of each kind, and prints how it ended
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Messages are texts.
type texts struct{}

func (texts) Name() string                  { return "texts" }
func (texts) Marshal(v any) ([]byte, error) { return []byte(*v.(*string)), nil }
func (texts) Unmarshal(data []byte, v any) error {
	*v.(*string) = string(data)
	return nil
}

func unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var asked string
	if err := decode(&asked); err != nil {
		return nil, err
	}
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "kept"))
	if asked == "fail" {
		failed, err := status.New(codes.NotFound, "no such thing").WithDetails(&errdetails.ErrorInfo{Reason: "LOST", Domain: "go"})
		if err != nil {
			return nil, err
		}
		return nil, failed.Err()
	}
	reply := asked + " back"
	return &reply, nil
}

func never(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var asked string
	if err := decode(&asked); err != nil {
		return nil, err
	}
	if err := grpc.SendHeader(ctx, metadata.Pairs("x-heard", "yes")); err != nil {
		return nil, err
	}
	<-ctx.Done()
	fmt.Println("cancelled")
	return nil, ctx.Err()
}

func gather(_ any, stream grpc.ServerStream) error {
	var all []string
	for {
		var one string
		if err := stream.RecvMsg(&one); errors.Is(err, io.EOF) {
			reply := strings.Join(all, "+")
			return stream.SendMsg(&reply)
		} else if err != nil {
			return err
		}
		all = append(all, one)
	}
}

func spread(_ any, stream grpc.ServerStream) error {
	var asked string
	if err := stream.RecvMsg(&asked); err != nil {
		return err
	}
	for _, letter := range asked {
		one := string(letter)
		if err := stream.SendMsg(&one); err != nil {
			return err
		}
	}
	return nil
}

func both(_ any, stream grpc.ServerStream) error {
	for {
		var one string
		if err := stream.RecvMsg(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply := one + " back"
		if err := stream.SendMsg(&reply); err != nil {
			return err
		}
	}
}

var echo = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}, {MethodName: "Never", Handler: never}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Gather", Handler: gather, ClientStreams: true},
		{StreamName: "Spread", Handler: spread, ServerStreams: true},
		{StreamName: "Both", Handler: both, ClientStreams: true, ServerStreams: true},
	},
}

func serve(files []string) error {
	secured := insecure.NewCredentials()
	if len(files) == 2 {
		var err error
		if secured, err = credentials.NewServerTLSFromFile(files[0], files[1]); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(secured), grpc.ForceServerCodec(texts{}))
	server.RegisterService(&echo, struct{}{})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

// How a call ended: its code and message, and what its details say.
func ended(err error) string {
	told := status.Convert(err)
	words := []string{told.Code().String()}
	if told.Message() != "" {
		words = append(words, told.Message())
	}
	for _, detail := range told.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			words = append(words, "("+info.Domain+" "+info.Reason+")")
		}
	}
	return strings.Join(words, " ")
}

// The deadline of a call that is never answered. On a busy machine it may be over before the server has heard of the call, which
// says nothing of what it is told: then a call with a longer one is tried. The server sends its headers when it hears.
func neverAnswered(ctx context.Context, client *grpc.ClientConn) error {
	for deadline := 300 * time.Millisecond; ; deadline *= 3 {
		within, stop := context.WithTimeout(ctx, deadline)
		asked, reply := "wait", ""
		var heard metadata.MD
		err := client.Invoke(within, "/test.Echo/Never", &asked, &reply, grpc.Header(&heard))
		stop()
		if len(heard.Get("x-heard")) > 0 || ctx.Err() != nil {
			return err
		}
	}
}

func call(kind, authority string) error {
	secured := credentials.NewTLS(nil)
	if kind == "plain" {
		secured = insecure.NewCredentials()
	}
	client, err := grpc.NewClient(authority, grpc.WithTransportCredentials(secured), grpc.WithDefaultCallOptions(grpc.ForceCodec(texts{})))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	invoke := func(within context.Context, path, asked string) {
		var reply string
		var trailer metadata.MD
		err := client.Invoke(within, path, &asked, &reply, grpc.Trailer(&trailer))
		fmt.Println(path, ended(err), reply, strings.Join(trailer.Get("x-trailer"), ","))
	}
	stream := func(path string, messages ...string) {
		opened, err := client.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path)
		if err != nil {
			fmt.Println(path, ended(err))
			return
		}
		var replies []string
		// Of both directions at once, each answer is awaited before the next question.
		next := func() error {
			var reply string
			err := opened.RecvMsg(&reply)
			if err == nil {
				replies = append(replies, reply)
			}
			return err
		}
		for _, message := range messages {
			if err = opened.SendMsg(&message); err != nil {
				break
			}
			if path == "/test.Echo/Both" {
				if err = next(); err != nil {
					break
				}
			}
		}
		_ = opened.CloseSend()
		for err == nil {
			err = next()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		fmt.Println(path, ended(err), strings.Join(replies, " "))
	}
	invoke(ctx, "/test.Echo/Unary", "there")
	invoke(ctx, "/test.Echo/Unary", "fail")
	stream("/test.Echo/Gather", "a", "b", "c")
	stream("/test.Echo/Spread", "xyz")
	stream("/test.Echo/Both", "first", "second")
	fmt.Println("/test.Echo/Never", ended(neverAnswered(ctx, client)))
	invoke(ctx, "/other.Service/Call", "there")
	return nil
}

func main() {
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2:])
	case "call":
		err = call(os.Args[2], os.Args[3])
	}
	if err != nil {
		log.Fatal(err)
	}
}
