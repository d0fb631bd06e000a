# The server of section 2.7 over UDP: every datagram goes back in upper case.
# python3 UDPServer.py HOST PORT
import sys
from socket import AF_INET, SOCK_DGRAM, socket

server_name, server_port = sys.argv[1], int(sys.argv[2])
server_socket = socket(AF_INET, SOCK_DGRAM)
server_socket.bind((server_name, server_port))
print("The server is ready to receive")
while True:
    message, client_address = server_socket.recvfrom(2048)
    modified_message = message.decode().upper()
    server_socket.sendto(modified_message.encode(), client_address)
