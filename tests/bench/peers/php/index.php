<?php
// A receiver of Segment's webhooks for PHP-FPM: what a careful user of a shared host writes.
// SECRET and FILE come from the pool's configuration. Durable: fsync before the answer.
declare(strict_types=1);

const FIXED = ['type' => 'type', 'event' => 'event', 'timestamp' => 'timestamp', 'userId' => 'user_id',
    'anonymousId' => 'anonymous_id', 'messageId' => 'message_id', 'groupId' => 'group_id',
    'previousId' => 'previous_id', 'name' => 'name', 'category' => 'category',
    'receivedAt' => 'received_at', 'sentAt' => 'sent_at', 'originalTimestamp' => 'original_timestamp',
    'version' => 'version', 'channel' => 'channel', 'projectId' => 'project_id'];
const TYPES = ['identify' => 1, 'track' => 1, 'page' => 1, 'screen' => 1, 'group' => 1, 'alias' => 1,
    'delete' => 1];
const JSON = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;

function answer(int $status, array $body): never
{
    $text = json_encode($body, JSON) . "\n";
    http_response_code($status);
    header('Content-Type: application/json');
    header('Content-Length: ' . strlen($text));
    echo $text;
    exit;
}

// The signature of the body, or of the first event of a batch.
function signed(string $given, string $raw, mixed $parsed, string $secret): bool
{
    if (is_array($parsed) && array_is_list($parsed) && $parsed !== []
        && hash_equals(hash_hmac('sha1', json_encode($parsed[0], JSON), $secret), $given)) {
        return true;
    }
    return hash_equals(hash_hmac('sha1', $raw, $secret), $given);
}

function text(array $e, string $key): bool
{
    return isset($e[$key]) && is_string($e[$key]) && $e[$key] !== '';
}

// What is wrong about an event, or null.
function wrong(mixed $e): ?string
{
    if (!is_array($e) || array_is_list($e)) return 'not an object';
    if (!is_string($e['type'] ?? null) || !isset(TYPES[$e['type']])) return 'unknown type';
    if (!text($e, 'userId') && !text($e, 'anonymousId')) return 'userId or anonymousId required';
    if ($e['type'] === 'track' && !text($e, 'event')) return 'event required';
    if ($e['type'] === 'group' && !text($e, 'groupId')) return 'groupId required';
    if ($e['type'] === 'alias' && !text($e, 'previousId')) return 'previousId required';
    foreach (['timestamp', 'sentAt', 'receivedAt', 'originalTimestamp'] as $at) {
        if (isset($e[$at]) && !is_string($e[$at])) return "$at must be a string";
    }
    return null;
}

function snake(string $key): string
{
    static $names = [];
    if (!isset($names[$key])) {
        $name = preg_replace('/([a-z0-9])([A-Z])/', '$1_$2', $key);
        $name = strtolower(trim(preg_replace('/[^A-Za-z0-9\x80-\xff]+/', '_', $name), '_'));
        $names[$key] = $name === '' ? '_' : $name;
    }
    return $names[$key];
}

function put(array &$record, string $name, mixed $value): void
{
    if (is_array($value)) {
        if (!array_is_list($value)) {
            foreach ($value as $key => $inner) put($record, $name . '_' . snake((string) $key), $inner);
            return;
        }
        $value = json_encode($value, JSON);
    }
    $free = $name;
    for ($i = 2; array_key_exists($free, $record); $i++) $free = $name . '_' . $i;
    $record[$free] = $value;
}

function flatten(array $e, string $now): string
{
    $record = [];
    foreach (FIXED as $key => $name) if (isset($e[$key])) $record[$name] = $e[$key];
    $record['spooled_at'] = $now;
    foreach ($e as $key => $value) if (!isset(FIXED[$key])) put($record, snake((string) $key), $value);
    return json_encode($record, JSON) . "\n";
}

function keep(string $file, string $lines): bool
{
    $f = fopen($file, 'a');
    if ($f === false) return false;
    $kept = flock($f, LOCK_EX) && fwrite($f, $lines) === strlen($lines) && fflush($f);
    flock($f, LOCK_UN);
    $kept = $kept && fsync($f); // outside the lock, so that several can be synced at once
    fclose($f);
    return $kept;
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') answer($_SERVER['REQUEST_METHOD'] === 'GET' ? 200 : 405, []);
$raw = file_get_contents('php://input');
$parsed = json_decode($raw, true, 64);
if ($parsed === null) answer(400, ['message' => 'not JSON']);
if (!signed($_SERVER['HTTP_X_SIGNATURE'] ?? '', $raw, $parsed, $_SERVER['SECRET'])) {
    answer(401, ['message' => 'signature']);
}
$now = (new DateTimeImmutable('now', new DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.v\Z');
$lines = [];
$rejected = 0;
$message = null;
foreach (array_is_list($parsed) ? $parsed : [$parsed] as $e) {
    $why = wrong($e);
    if ($why === null) {
        $lines[] = flatten($e, $now);
    } else {
        $message ??= $why;
        $rejected++;
    }
}
$counts = ['accepted' => count($lines), 'rejected' => $rejected, 'message' => $message];
if ($lines === []) answer(400, $counts);
if (!keep($_SERVER['FILE'], implode('', $lines))) answer(503, ['message' => 'not kept']);
answer(200, $counts);
