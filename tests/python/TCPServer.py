# The server of section 2.7 over TCP: one client at a time, one recv, then it closes the connection.
# python3 TCPServer.py HOST PORT
import sys
from socket import AF_INET, SOCK_STREAM, socket

server_name, server_port = sys.argv[1], int(sys.argv[2])
server_socket = socket(AF_INET, SOCK_STREAM)
server_socket.bind((server_name, server_port))
server_socket.listen(1)
print("The server is ready to receive")
while True:
    connection_socket, address = server_socket.accept()
    sentence = connection_socket.recv(1024).decode()
    connection_socket.send(sentence.upper().encode())
    connection_socket.close()
