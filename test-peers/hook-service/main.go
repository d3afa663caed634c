// A service for hooks, made of the code that tusd generates from its own hook.proto. What it is sent it prints as JSON, one line each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/tus/tusd/v2/pkg/hooks/grpc/proto"
	"google.golang.org/grpc"
)

type service struct {
	proto.UnimplementedHookHandlerServer
}

func (service) InvokeHook(_ context.Context, request *proto.HookRequest) (*proto.HookResponse, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	fmt.Println(string(line))
	reply := &proto.HookResponse{}
	switch request.Type {
	case "pre-create":
		reply.ChangeFileInfo = &proto.FileInfoChanges{Id: "from-go", MetaData: map[string]string{"by": "go"}}
		reply.HttpResponse = &proto.HTTPResponse{Header: map[string]string{"X-Go": "1"}}
	case "pre-finish":
		reply.HttpResponse = &proto.HTTPResponse{StatusCode: 200, Body: "done"}
	}
	return reply, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	proto.RegisterHookHandlerServer(server, service{})
	fmt.Println("listening on " + listener.Addr().String())
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
