# The client of section 2.7 over UDP: one sentence there, one datagram back.
# python3 UDPClient.py HOST PORT, then type a sentence.
import sys
from socket import AF_INET, SOCK_DGRAM, socket

server_name, server_port = sys.argv[1], int(sys.argv[2])
client_socket = socket(AF_INET, SOCK_DGRAM)
message = input("Input lowercase sentence:\n")
client_socket.sendto(message.encode(), (server_name, server_port))
modified_message, server_address = client_socket.recvfrom(2048)
print(modified_message.decode())
client_socket.close()
