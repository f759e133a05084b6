package polymarket.backfill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/**
 * A YAML file that users edit. Every mistake in it is reported in one line with file and line
 * number.
 */
public final class YamlFile {

  private final String shown;
  private final Path file;

  /** The lines of the keys of values. */
  private final Map<Node, Integer> keyLines = new IdentityHashMap<>();

  /**
   * @param home the folder that the file's path is shown relative to
   */
  public YamlFile(Path home, Path file) {
    this.shown = file.startsWith(home) ? home.relativize(file).toString() : file.toString();
    this.file = file;
  }

  /**
   * Whether a file is one that a person edits, by its name: editors and systems put files of their
   * own beside it, such as {@code .#x.yaml}, {@code ._x.yaml} or {@code .x.yaml.swp}, and in
   * folders of their own. (Those that they name {@code x.yaml~} do not end as a YAML file does.)
   *
   * @param file its name, or its path from the folder that is searched
   */
  public static boolean isEdited(Path file) {
    for (Path part : file.isAbsolute() ? file.getFileName() : file) {
      if (part.toString().startsWith(".")) {
        return false;
      }
    }
    return true;
  }

  /**
   * The file's one document.
   *
   * @param takes what an empty file should have in it, for the message
   * @throws UserError where the file cannot be read, is empty or is no YAML
   */
  public Node root(String takes) {
    return read(
        (settings, text) ->
            new Compose(settings)
                .composeString(text)
                .orElseThrow(() -> error(1, "the file is empty; it takes " + takes)));
  }

  /**
   * The file's one document as maps, lists and plain values; null where it is empty.
   *
   * @throws UserError where the file cannot be read or is no YAML
   */
  public Object values() {
    return read((settings, text) -> new Load(settings).loadFromString(text));
  }

  private <T> T read(BiFunction<LoadSettings, String, T> reader) {
    try {
      return reader.apply(LoadSettings.builder().setLabel(shown).build(), Files.readString(file));
    } catch (MarkedYamlEngineException e) {
      throw error(
          e.getProblemMark().map(mark -> mark.getLine() + 1).orElse(1),
          e.getProblem() + "; correct the YAML there");
    } catch (IOException e) {
      throw new UserError(shown + ": " + UserError.reason(e));
    } catch (YamlEngineException e) {
      throw new UserError(
          shown + ": " + e.getMessage().lines().findFirst().orElse("cannot be read"));
    }
  }

  /**
   * The entries of a mapping, in order.
   *
   * @param what the mapping is called in messages
   * @param known the keys that it may have; null for any
   * @throws UserError where it is no mapping, or a key is unknown or there twice
   */
  public Map<String, Node> mapping(Node node, String what, Collection<String> known) {
    if (!(node instanceof MappingNode map)) {
      throw error(
          node,
          what
              + " takes keys with values"
              + (known == null ? "" : ": " + String.join(", ", known)));
    }
    Map<String, Node> entries = new LinkedHashMap<>();
    for (NodeTuple tuple : map.getValue()) {
      String key =
          tuple.getKeyNode() instanceof ScalarNode scalar
              ? scalar.getValue()
              : String.valueOf(tuple.getKeyNode());
      if (known != null && !known.contains(key)) {
        throw error(
            tuple.getKeyNode(),
            "unknown key '"
                + key
                + "' of "
                + what
                + "."
                + Nearest.hint(key, known)
                + " The keys are: "
                + String.join(", ", known));
      }
      keyLines.put(tuple.getValueNode(), line(tuple.getKeyNode()));
      if (entries.put(key, tuple.getValueNode()) != null) {
        throw error(tuple.getKeyNode(), "'" + key + "' is repeated in " + what + "; remove one");
      }
    }
    return entries;
  }

  /** The line of the key of a value that {@link #mapping} gave. */
  public int keyLine(Node value) {
    return keyLines.get(value);
  }

  /** The first line of a node, from 1. */
  public static int line(Node node) {
    return node.getStartMark().map(mark -> mark.getLine() + 1).orElse(1);
  }

  /** A mistake at a node. */
  public UserError error(Node node, String what) {
    return error(line(node), what);
  }

  /** A mistake at a line, from 1. */
  public UserError error(int line, String what) {
    return new UserError(shown + ":" + line + ": " + what);
  }
}
