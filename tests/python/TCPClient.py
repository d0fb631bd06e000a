# The client of section 2.7 over TCP: it sends no newline, and takes what the first recv gives.
# python3 TCPClient.py HOST PORT, then type a sentence.
import sys
from socket import AF_INET, SOCK_STREAM, socket

server_name, server_port = sys.argv[1], int(sys.argv[2])
client_socket = socket(AF_INET, SOCK_STREAM)
client_socket.connect((server_name, server_port))
sentence = input("Input lowercase sentence:\n")
client_socket.send(sentence.encode())
modified_sentence = client_socket.recv(1024)
print("From Server:", modified_sentence.decode())
client_socket.close()
