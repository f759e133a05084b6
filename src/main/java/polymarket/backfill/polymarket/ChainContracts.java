package polymarket.backfill.polymarket;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import polymarket.backfill.Home;
import polymarket.backfill.UserError;

/**
 * Which logs make up each dataset, as the file polymarket/chain-contracts.tsv says: one line a
 * contract and event.
 */
final class ChainContracts {

  private static final String FILE = "polymarket/chain-contracts.tsv";

  /** Stands for the address of an event that any contract may emit. */
  private static final String ANY = "any";

  private final List<Line> lines;

  private record Line(String dataset, String address, String topic) {}

  /**
   * Logs that are asked for together.
   *
   * @param addresses any of which emits them; none for whatever contract
   * @param topics any of which their first topic is
   */
  record Filter(List<String> addresses, List<String> topics) {}

  private ChainContracts(List<Line> lines) {
    this.lines = lines;
  }

  /**
   * The file beside the program, if a person has put one there, or else the program's own.
   *
   * @throws UserError where it cannot be read, or a line lacks a column
   */
  static ChainContracts read() {
    String text;
    try {
      text = new String(Home.read(FILE), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UserError("cannot read " + FILE + ": " + e.getMessage());
    }
    List<String> columns = null;
    List<Line> lines = new ArrayList<>();
    int number = 0;
    for (String row : text.split("\r?\n")) {
      number++;
      if (row.startsWith("#") || row.isBlank()) {
        continue;
      }
      List<String> cells = List.of(row.split("\t"));
      if (columns == null) {
        columns = cells;
        continue;
      }
      lines.add(
          new Line(
              cell(columns, cells, "dataset", number),
              cell(columns, cells, "address", number),
              cell(columns, cells, "topic0", number)));
    }
    return new ChainContracts(lines);
  }

  private static String cell(List<String> columns, List<String> cells, String name, int line) {
    int at = columns.indexOf(name);
    if (at < 0 || at >= cells.size() || cells.get(at).isBlank()) {
      throw new UserError(FILE + ", line " + line + ": the column " + name + " is missing");
    }
    return cells.get(at).strip();
  }

  /** The datasets, in the order of the file. */
  List<String> datasets() {
    return lines.stream().map(Line::dataset).distinct().toList();
  }

  /**
   * The lines of some datasets.
   *
   * @throws UserError where one has none: nothing could be asked for, and all would be absent
   */
  private List<Line> of(Collection<String> datasets) {
    for (String dataset : datasets) {
      if (lines.stream().noneMatch(line -> line.dataset().equals(dataset))) {
        throw new UserError(FILE + " has no line for the dataset " + dataset);
      }
    }
    return lines.stream().filter(line -> datasets.contains(line.dataset())).toList();
  }

  /** The fewest filters that take exactly the logs of some datasets. */
  List<Filter> exact(Collection<String> datasets) {
    Map<String, TreeSet<String>> topics = new TreeMap<>();
    for (Line line : of(datasets)) {
      topics.computeIfAbsent(line.address(), key -> new TreeSet<>()).add(line.topic());
    }
    Map<TreeSet<String>, List<String>> together = new LinkedHashMap<>();
    topics.forEach(
        (address, of) -> together.computeIfAbsent(of, key -> new ArrayList<>()).add(address));
    List<Filter> filters = new ArrayList<>();
    together.forEach(
        (of, addresses) -> {
          if (addresses.remove(ANY)) {
            filters.add(new Filter(List.of(), List.copyOf(of)));
          }
          if (!addresses.isEmpty()) {
            filters.add(new Filter(List.copyOf(addresses), List.copyOf(of)));
          }
        });
    return filters;
  }

  /**
   * Filters of one list of addresses and one of topics each, for sources that take one filter a
   * call: one for the logs of known contracts, and one for those of any.
   */
  List<Filter> wide(Collection<String> datasets) {
    TreeSet<String> addresses = new TreeSet<>();
    TreeSet<String> topics = new TreeSet<>();
    TreeSet<String> ofAny = new TreeSet<>();
    for (Line line : of(datasets)) {
      if (line.address().equals(ANY)) {
        ofAny.add(line.topic());
      } else {
        addresses.add(line.address());
        topics.add(line.topic());
      }
    }
    List<Filter> filters = new ArrayList<>();
    if (!addresses.isEmpty()) {
      filters.add(new Filter(List.copyOf(addresses), List.copyOf(topics)));
    }
    if (!ofAny.isEmpty()) {
      filters.add(new Filter(List.of(), List.copyOf(ofAny)));
    }
    return filters;
  }
}
