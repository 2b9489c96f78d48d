#!/usr/bin/perl
# A monolith of the old kind: `send.pl FILE` turns a file of flights into JSON Lines and posts them over one connection.
#
# ENDPOINT is where to post; ROWS how many rows a request has (default 100); DECIMALS those of distance_km (default 3);
# TRIES how often a request is sent before the run fails (default 3). Bodies go in chunks, each with an Idempotency-Key.
use strict;
use warnings;
use IO::Socket::INET;

my ($file) = @ARGV;
my ($host, $port, $path) = $ENV{ENDPOINT} =~ m{^http://([^:/]+):(\d+)(/.*)$} or die "ENDPOINT is not http://HOST:PORT/PATH\n";
my ($name) = $file =~ m{([^/]*)$};
my $rows = $ENV{ROWS} // 100;
my $decimals = $ENV{DECIMALS} // 3;
my $tries = $ENV{TRIES} // 3;
my $socket;

sub text { my ($value) = @_; return $value eq "" || $value eq "NA" ? "null" : "\"$value\"" }
sub number { my ($value) = @_; return $value eq "" || $value eq "NA" ? "null" : $value }

sub kilometres {
    my ($miles) = @_;
    return "null" if $miles eq "" || $miles eq "NA";
    my $result = sprintf("%.${decimals}f", $miles * 1.609344);
    if ($decimals > 0) { $result =~ s/0+$//; $result =~ s/\.$/.0/ }
    return $result;
}

sub record {
    my @cell = @_;
    my $scheduled = $cell[17] eq "" || $cell[17] eq "NA" ? "null" : sprintf("\"%s%02d:00Z\"", substr($cell[18], 0, 14), $cell[17]);
    return sprintf("{\"flight\":\"%s%s\",\"tail\":%s,\"from\":\"%s\",\"to\":\"%s\",\"scheduled\":%s,", @cell[9, 10],
        text($cell[11]), @cell[12, 13], $scheduled)
      . sprintf("\"departure_delay_min\":%s,\"arrival_delay_min\":%s,\"distance_km\":%s}\n",
        number($cell[5]), number($cell[8]), kilometres($cell[15]));
}

sub post {
    my ($body, $slot) = @_;
    $socket //= IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 60) or return 0;
    local $SIG{PIPE} = 'IGNORE';
    my $half = int(length($body) / 2);
    my $request = "POST $path HTTP/1.1\r\nHost: $host:$port\r\nContent-Type: application/jsonl\r\n"
      . "Milepost-File: $name\r\nMilepost-Slot: $slot\r\nIdempotency-Key: \"$name-$slot\"\r\nTransfer-Encoding: chunked\r\n\r\n";
    for my $piece (substr($body, 0, $half), substr($body, $half)) {
        $request .= sprintf("%x\r\n%s\r\n", length($piece), $piece) if length $piece;
    }
    my $status = 0;
    my ($length, $last) = (0, 0);
    if (print {$socket} "${request}0\r\n\r\n") {
        local $/ = "\r\n";
        while (my $line = <$socket>) {
            last if $line eq "\r\n" && $status >= 200;
            $status = $1 if $line =~ m{^HTTP/1\.1 (\d+)};
            $length = $1 if $line =~ m{^Content-Length: (\d+)}i;
            $last = 1 if $line =~ m{^Connection: close}i;
        }
        read($socket, my $answer, $length) if $length;
    }
    undef $socket if $last || !$status;
    return $status;
}

open(my $in, '<:crlf', $file) or die "$file: $!\n";
my $header = <$in>;
my ($slot, $body, $count, $status) = (0, "", 0, 0);
while (1) {
    my $line = <$in>;
    if (defined $line) {
        chomp $line;
        $body .= record(split(/,/, $line, -1));
        next if ++$count < $rows;
    }
    if ($body ne "") {
        for my $try (1 .. $tries) {
            $status = post($body, $slot);
            last if $status >= 200 && $status < 300;
        }
        die "$name: request $slot: " . ($status || "no answer") . "\n" if $status < 200 || $status >= 300;
        ($slot, $body, $count) = ($slot + 1, "", 0);
    }
    last unless defined $line;
}
