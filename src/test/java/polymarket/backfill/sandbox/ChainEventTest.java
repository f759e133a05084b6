package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.esaulpaugh.headlong.abi.Address;
import com.esaulpaugh.headlong.abi.Event;
import com.esaulpaugh.headlong.abi.Tuple;
import com.esaulpaugh.headlong.abi.TupleType;
import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The sandbox's encoder of events against an independent one, the facts, and recorded logs. */
class ChainEventTest {
  private static final HexFormat HEX = HexFormat.of();

  /** An event of the independent library. */
  private static Event<Tuple> independent(ChainEvent event) {
    String[] parts =
        event
            .declaration
            .substring(event.declaration.indexOf('(') + 1, event.declaration.length() - 1)
            .split(",");
    List<String> types = new ArrayList<>();
    boolean[] indexed = new boolean[parts.length];
    for (int k = 0; k < parts.length; k++) {
      types.add(parts[k].strip().split(" ")[0]);
      indexed[k] = parts[k].contains(" indexed ");
    }
    return Event.create(event.name, TupleType.parse("(" + String.join(",", types) + ")"), indexed);
  }

  private static byte[] bytes(String hex) {
    return HEX.parseHex(hex.substring(2));
  }

  private static byte[][] topics(List<String> topics) {
    return topics.stream().map(ChainEventTest::bytes).toArray(byte[][]::new);
  }

  /** What the library decodes, as the sandbox's encoder takes it. */
  private static Object argument(Object decoded) {
    if (decoded instanceof Address address) {
      return address.toString().toLowerCase();
    }
    if (decoded instanceof byte[] bytes) {
      return "0x" + HEX.formatHex(bytes);
    }
    if (decoded instanceof Object[] array) {
      List<Object> all = new ArrayList<>();
      for (Object one : array) {
        all.add(argument(one));
      }
      return all;
    }
    return decoded instanceof Boolean flag ? (Object) (flag ? 1L : 0L) : decoded;
  }

  private static Object[] arguments(Tuple tuple) {
    Object[] all = new Object[tuple.size()];
    for (int k = 0; k < all.length; k++) {
      all[k] = argument(tuple.get(k));
    }
    return all;
  }

  private static Object random(String type, long seed) {
    if (type.endsWith("[]")) {
      List<Object> all = new ArrayList<>();
      for (int k = 0; k < seed % 4; k++) {
        all.add(random(type.substring(0, type.length() - 2), Mix.mix(seed, k) >>> 8));
      }
      return all;
    }
    return switch (type) {
      case "address" -> "0x" + Mix.hex(seed, 20);
      case "bytes" -> "0x" + Mix.hex(seed, (int) (seed % 70));
      case "bool" -> seed % 2;
      case "uint8" -> (int) (seed % 200);
      case "uint256" ->
          seed % 3 == 0 ? (Object) new BigInteger(Mix.hex(seed, 32), 16) : (Object) (seed >>> 3);
      default -> "0x" + Mix.hex(seed, Integer.parseInt(type.substring(5)));
    };
  }

  private static String plain(Object argument) {
    return argument instanceof List<?> list
        ? list.stream().map(ChainEventTest::plain).toList().toString()
        : argument.toString();
  }

  @Test
  void everyEvent_isDecodedByAnIndependentLibrary_andEncodedByItToTheSameBytes() {
    for (ChainEvent event : ChainEvents.ALL) {
      Event<Tuple> other = independent(event);
      String[] types = other.getCanonicalSignature().replaceAll(".*\\(|\\)", "").split(",");
      for (int round = 0; round < 20; round++) {
        Object[] arguments = new Object[types.length];
        for (int k = 0; k < types.length; k++) {
          arguments[k] = random(types[k], Mix.mix(7, Mix.mix(event.topic0), round * 100 + k) >>> 9);
        }
        String[] topics = event.topics(arguments);
        byte[] data = bytes(event.data(arguments));
        Tuple decoded = other.decodeArgs(topics(List.of(topics)), data);
        for (int k = 0; k < types.length; k++) {
          assertEquals(
              plain(arguments[k]), plain(argument(decoded.get(k))), event.declaration + " " + k);
        }
        assertArrayEquals(
            other.getNonIndexedParams().encode(other.decodeData(data)).array(),
            data,
            event.declaration);
      }
    }
    assertTrue(ChainEvents.ALL.size() > 30);
  }

  @Test
  void everyTopic_isTheOneOfTheFacts() throws Exception {
    Map<String, String> topics = new HashMap<>();
    for (JsonNode event :
        Json.read(Files.readString(Recorded.file("../facts/chain-events.json"))).get("events")) {
      topics.put(event.get("event").asText(), event.get("topic0").asText());
    }
    TreeSet<String> unknown = new TreeSet<>();
    for (ChainEvent event : ChainEvents.ALL) {
      String topic = topics.get(event.declaration);
      if (topic == null) {
        unknown.add(event.declaration);
      } else {
        assertEquals(topic, event.topic0, event.declaration);
      }
    }
    assertEquals(
        "[Transfer(address indexed from, address indexed to, uint256 value)]", unknown.toString());
    assertTrue(Contracts.BURN.startsWith("0xa5ef39c3"));
  }

  @Test
  void recordedLogs_areEncodedToTheirOwnBytes() throws Exception {
    Map<String, ChainEvent> events = new HashMap<>();
    ChainEvents.ALL.forEach(event -> events.put(event.topic0, event));
    TreeSet<String> met = new TreeSet<>();
    int logs = 0;
    for (String file :
        List.of("v1-orderfilled", "v2-orderfilled", "ctf-lifecycle", "negrisk-adapter")) {
      for (JsonNode match : Json.read(Recorded.text("polygon/fills/" + file + ".json"))) {
        for (JsonNode row : match.get("rows")) {
          JsonNode log = row.get("log");
          List<String> topics = new ArrayList<>();
          log.get("topics").forEach(topic -> topics.add(topic.asText()));
          ChainEvent event = events.get(topics.get(0));
          assertTrue(event != null, () -> "no event for " + log);
          Tuple decoded =
              independent(event).decodeArgs(topics(topics), bytes(log.get("data").asText()));
          Object[] arguments = arguments(decoded);
          assertEquals(topics, List.of(event.topics(arguments)));
          assertEquals(log.get("data").asText(), event.data(arguments));
          met.add(event.name);
          logs++;
        }
      }
    }
    assertTrue(logs > 25 && met.size() >= 9, logs + " " + met);
  }
}
